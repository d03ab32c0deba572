import { describe, expect, test } from 'vitest';
import { brief, openPieces, readRows } from '../../support/datasets.ts';

describe('tables whose fields are separated by another mark', () => {
  test.each([
    ['id^text\n1^you are an idiot\n2^hello, you\n', "--delimiter '^'"],
    ['id~text\n1~you are an idiot\n', "--delimiter '~'"],
    ['id:text\n1:you are an idiot\n2:hello\n', "--delimiter ':'"],
    ['id::text\n1::you are an idiot\n2::hello: you\n', 'sed'],
    ['id\u0001text\n1\u0001you are an idiot\n', "--delimiter '\\x01'"],
    ['id    text\n1     you are an idiot\n2     hello\n', 'sed'],
    ['ham|text\n1|you\n', ''],
  ])('%j', async (content, advice) => {
    if (advice === '') {
      expect((await openPieces([content], { format: 'csv' })).columns).toEqual(['ham', 'text']);
      return;
    }
    for (const format of ['csv', 'tsv'] as const) {
      const opening = openPieces([content], { format });
      await expect(opening).rejects.toThrow('has one column, but its header and rows are separated by');
      await expect(opening).rejects.toThrow(advice);
    }
  });

  test('no other mark in the header, in some rows only, or named', async () => {
    for (const content of [
      'site:text\nnote: hello\n',
      'text\nnote: you fool\nps: hello\n',
      'a:b\nyou fool: this\nhello\n',
      'text\na^b\n',
    ])
      expect((await readRows(content, { format: 'csv' })).map(brief)).toHaveLength(content.split('\n').length - 2);
    const named = await openPieces(['id^text\n1^you\n'], { format: 'csv', textColumn: 'id^text' });
    expect(named.textColumn).toBe('id^text');
    const cut = await openPieces(['id^text\n1^you\n'], { format: 'csv', delimiter: '^' });
    expect(cut.textColumn).toBe('text');
  });
});

describe('text that is another format is named', () => {
  test.each([
    ['{"id":1,"text":"you idiot"}\n{"id":2,"text":"hi"}\n', /is JSON and no table.*--format jsonl/],
    ['\ufeff { "text" : "you idiot" }\n', /is JSON and no table.*--format jsonl/],
    ['[\n  {"text":"you idiot"}\n]\n', /is a JSON array.*jq/],
    ['+----+------+\n| id | text |\n+----+------+\n|  1 | you  |\n+----+------+\n', /is a table drawn.*mysql --batch/],
    [' id | text \n----+------\n  1 | you\n(1 row)\n', /as psql shows it.*psql --csv/],
    ['| id | text |\n|----|:-----|\n| 1 | you |\n', /is a Markdown table/],
    ['<table>\n<tr><td>1</td></tr>\n</table>\n', /is HTML/],
    ['% a comment\n@relation comments\n@attribute text string\n@data\n"you"\n', /is ARFF/],
  ])('%j', async (content, message) => {
    await expect(openPieces([content], { format: 'csv' })).rejects.toThrow(message);
    expect((await openPieces([content], { format: 'txt' })).textColumn).toBeNull();
  });

  test('dashes in a row are no frame', async () => {
    expect((await readRows('text|label\n-|-\nyou|1\n', { format: 'csv', textColumn: 'text' })).map(brief)).toEqual([
      '-',
      'you',
    ]);
    expect((await readRows('text\n---\nyou\n', { format: 'csv' })).map(brief)).toEqual(['---', 'you']);
  });
});

describe('names of rows without a name above them', () => {
  test("R's write.table with an empty last column", async () => {
    const content = '"comment"\t"label"\n"1"\t"you are an idiot"\t""\n"2"\t"have a nice day"\t""\n';
    for (const textColumn of [undefined, 'comment']) {
      await expect(openPieces([content], { format: 'tsv', textColumn })).rejects.toThrow(
        /every row has one field more than the header.*write\.table/,
      );
    }
  });

  test('a delimiter at the end of rows whose first field is no name of a row', async () => {
    for (const rows of ['you are an idiot,1,\nhello you,0,\n', 'a,1,\na,0,\n', 'a,1,\nb,0\n'])
      expect(await readRows(`text,label\n${rows}`, { format: 'csv', textColumn: 'text' })).toHaveLength(2);
  });
});
