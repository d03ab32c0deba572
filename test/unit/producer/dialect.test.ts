import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { UsageError } from '../../../src/contract/errors.ts';
import type { ChunkRow } from '../../../src/contract/row.ts';
import { type DatasetOptions, openDataset } from '../../../src/producer/dataset.ts';
import { parseDelimiter, parseEscape, parseQuote } from '../../../src/producer/dialect.ts';
import { reopenDataset } from '../../../src/producer/source.ts';
import { allRows, brief, cut, openPieces, readRows } from '../../support/datasets.ts';

/** Rows and notes, which must be the same in one piece and byte by byte. */
async function read(
  content: string | Uint8Array,
  options: DatasetOptions,
): Promise<{ rows: ChunkRow[]; notes: string[] }> {
  const read = async (lengths: readonly number[]) => {
    const notes: string[] = [];
    const onNote = (note: string) => notes.push(note);
    const rows = await allRows(await openPieces(cut(Buffer.from(content), lengths), { ...options, onNote }));
    return { rows, notes };
  };
  const whole = await read([1_000_000]);
  expect(await read([1])).toEqual(whole);
  return whole;
}

async function textsOf(content: string | Uint8Array, options: DatasetOptions): Promise<string[]> {
  return (await read(content, options)).rows.map(brief);
}

function messageOf(row: ChunkRow | undefined): string {
  return row !== undefined && 'fault' in row ? row.fault.message : 'not rejected';
}

describe('characters as people write them', () => {
  test.each([
    [';', ';'],
    ['tab', '\t'],
    ['TAB', '\t'],
    ['\\t', '\t'],
    ['\t', '\t'],
    ['pipe', '|'],
    ['space', ' '],
    ['\\x01', '\x01'],
    ['\\u00a6', '¦'],
    ['😀', '😀'],
  ])('--delimiter %j', (value, character) => {
    expect(parseDelimiter(value)).toBe(character);
  });

  test.each(['', '||', '\n', '\\x0a', '\\x00', 'commas', '\ud83d'])('not --delimiter %j', (value) => {
    expect(() => parseDelimiter(value)).toThrow(UsageError);
  });

  test('--quote and --escape', () => {
    expect([parseQuote('none'), parseQuote("'"), parseEscape('\\'), parseEscape('\\\\')]).toEqual([
      'none',
      "'",
      '\\',
      '\\',
    ]);
    for (const value of ['', 'ab', '\r', '😀']) {
      expect(() => parseQuote(value)).toThrow(/one character, or none/);
      expect(() => parseEscape(value)).toThrow(/one character/);
    }
  });
});

describe('options that cannot be', () => {
  test.each([
    [{ format: 'csv', delimiter: '||' }, /^--delimiter: It must be one character/],
    [{ format: 'csv', delimiter: '"' }, /--delimiter and --quote/],
    [{ format: 'csv', delimiter: '\\', escape: '\\' }, /--delimiter and --escape/],
    [{ format: 'csv', skipLines: -1 }, /--skip-lines/],
    [{ format: 'txt', delimiter: ';' }, /--delimiter has no effect on lines of text; .* --format csv/],
    [{ format: 'jsonl', quote: 'none' }, /--quote has no effect on JSONL/],
    [{ format: 'txt', escape: '\\' }, /--escape has no effect/],
  ] as const)('%j', async (options, message) => {
    await expect(openPieces(['text\na\n'], options)).rejects.toThrow(message);
    await expect(openPieces(['text\na\n'], options)).rejects.toBeInstanceOf(UsageError);
  });
});

describe('--delimiter', () => {
  test('counts more than the ending, and than what the lines look like', async () => {
    expect(await textsOf('id;text\n1;a, b\n', { format: 'tsv', delimiter: ';' })).toEqual(['a, b']);
    expect(await textsOf('id,a\x01text\n1,b\x01c, d\n', { format: 'csv', delimiter: '\x01' })).toEqual(['c, d']);
    expect(await textsOf('id😀text\n1😀"a😀b"\n', { format: 'csv', delimiter: '😀' })).toEqual(['a😀b']);
  });
});

describe('--quote', () => {
  const table = 'id\ttext\n1\t"you fool, he said\n2\tnice day\n3\tsix feet 6"\n4\t"well" then\n5\t"open\n';

  test('none: quotes are text', async () => {
    const { rows, notes } = await read(table, { format: 'tsv', quote: 'none' });
    expect(rows.map(brief)).toEqual(['"you fool, he said', 'nice day', 'six feet 6"', '"well" then', '"open']);
    expect(notes).toEqual([]);
  });

  test('another character', async () => {
    expect(await textsOf(`id,text\n1,'it''s, "here"'\n`, { format: 'csv', quote: "'" })).toEqual([`it's, "here"`]);
  });

  test('a quoted field that looks as if it had swallowed rows is told once, with its lines, and without its text', async () => {
    const swallowed = 'id\ttext\n1\tplain\n2\t"you fool, he said\n3\tnice day\n4\tsix feet 6"\n5\t"a\tb\n6\tc"\n';
    const { rows, notes } = await read(swallowed, { format: 'tsv' });
    expect(rows).toHaveLength(3);
    expect(notes).toEqual([
      'standard input, line 3: the quoted field that begins here goes on to line 5; if quotes are plain text in this file, rows were lost in it: say --quote none',
    ]);
  });

  test.each([
    ['many lines', 'id,text\n1,"a\n'.concat('word\n'.repeat(30), '"\n'), 1],
    ['numbered rows of CSV', 'id,text\n1,"open, and\n2,more\n3,end"\n', 1],
    ['lines that all look like rows', `text,label\n"open,0\n${'some words,1\n'.repeat(9)}last","1"\n`, 1],
    ['a comment of a few lines', 'id,text\n1,"Dear all,\n\nwell, I think\nso. Bye, me"\n', 0],
    ['a comment of lines with a comma each', 'id,text\n1,"Dear all,\nwell, yes\nfine, then\nbye, me"\n', 0],
    ['a comment of two lines in TSV', 'id\ttext\n1\t"one\ntwo"\n', 0],
  ])('%s', async (_, content, count) => {
    const { notes } = await read(content, { format: content.includes('\t') ? 'tsv' : 'csv', textColumn: 'text' });
    expect(notes).toHaveLength(count);
  });

  test('a quote that is never closed: the error names the option', async () => {
    await expect(openPieces(['text\n"open\n'], { format: 'csv' })).rejects.toThrow(/never closed.*--quote none/);
  });
});

describe('--escape', () => {
  const spark = String.raw`id,text,label
1,"she said \"you, there\", then left",1
2,"nice day",0
3,"at the end \"wow\"",1
4,"in front of a delimiter \", here",1
5,"back\\slash\" and C:\new",0
6,C:\temp\,0
7,"ends with one\\",0
8,"doubled "" too",0
`;

  test('a backslash, as Spark writes it', async () => {
    expect(await textsOf(spark, { format: 'csv', escape: '\\' })).toEqual([
      'she said "you, there", then left',
      'nice day',
      'at the end "wow"',
      'in front of a delimiter ", here',
      String.raw`back\slash" and C:\new`,
      'C:\\temp\\',
      'ends with one\\',
      'doubled " too',
    ]);
  });

  test('without it, rows are errors that name it', async () => {
    const rows = await readRows(spark, { format: 'csv' });
    expect(rows.map(brief).slice(0, 3)).toEqual(['[bad_quotes]', 'nice day', '[bad_quotes]']);
    expect(messageOf(rows[0])).toContain(String.raw`--escape '\'`);
    expect(rows.map(brief)[3]).toBe('[wrong_field_count]');
    expect(messageOf(rows[3])).toContain(String.raw`--escape '\'`);
  });

  test('without quotes it goes before delimiters, line ends and itself', async () => {
    const table = 'id\ttext\n1\ta\\\tb\n2\tc\\\nd\\\r\ne\n3\tf\\\\\n4\tg\\n\\\\\\\th\n5\t"i\\"\n6\tend\\';
    const { rows } = await read(table, { format: 'tsv', quote: 'none', escape: '\\' });
    expect(rows.map(brief)).toEqual(['a\tb', 'c\nd\r\ne', 'f\\', 'g\\n\\\th', '"i\\"', 'end\\']);
  });

  test('lines are counted on', async () => {
    const table = 'id\ttext\n1\ta\\\nb\n2\tc\td\n';
    const { rows } = await read(table, { format: 'tsv', quote: 'none', escape: '\\' });
    expect(messageOf(rows[1])).toContain('line 4: 3 fields');
  });

  test('the quote itself is what is usual', async () => {
    expect(await textsOf('text\n"a ""b"" c"\n', { format: 'csv', escape: '"' })).toEqual(['a "b" c']);
  });
});

describe('--skip-lines', () => {
  test.each([
    ['csv', 'Exported by us\n"half a quote\nid,text\n1,a\n2\n', 2],
    ['csv', 'Exported by us\r\n\r\nid,text\r\n1,a\r\n2\r\n', 2],
    ['csv', 'one\rtwo\rid,text\r1,a\r2\r', 2],
    ['tsv', '# made today\nsep=;\nid;text\n1;a\n2\n', 1],
  ] as const)('%s: %j', async (format, content, skipLines) => {
    const { rows } = await read(content, { format, skipLines });
    expect(rows.map(brief)).toEqual(['a', '[wrong_field_count]']);
    expect(messageOf(rows[1])).toContain('line 5: 1 fields');
  });

  test('text, JSONL, every file, a blank first line that counts', async () => {
    expect(await textsOf('one\n\ntwo\n\n', { format: 'txt', skipLines: 1 })).toEqual(['', 'two', '']);
    expect(await textsOf('\n{"text":"a"}\n', { format: 'jsonl', skipLines: 1 })).toEqual(['a']);
    await expect(openPieces(['a\nb\n'], { format: 'txt', skipLines: 2 })).rejects.toThrow(
      'standard input: is empty (no rows after --skip-lines 2)',
    );
  });
});

describe("Excel's first line", () => {
  test.each([
    'sep=;\nid;text\n1;a, b\n2\n',
    '\ufeffSEP=;\r\nid;text\r\n1;a, b\r\n2\r\n',
    '"sep=;"\nid;text\n1;a, b\n2\n',
    'sep=\\t\nid\ttext\n1\ta, b\n2\n',
    'sep=,\nid,text\n1,"a, b"\n2\n',
    'sep=;\rid;text\r1;a, b\r2\r',
  ])('%j', async (content) => {
    for (const format of ['csv', 'tsv'] as const) {
      const { rows } = await read(content, { format });
      expect(rows.map(brief)).toEqual(['a, b', '[wrong_field_count]']);
      expect(messageOf(rows[1])).toContain('line 4: 1 fields');
    }
  });

  test('--delimiter counts more, which is told', async () => {
    const { rows, notes } = await read('sep=;\nid,text\n1,a; b\n', { format: 'csv', delimiter: ',' });
    expect(rows.map(brief)).toEqual(['a; b']);
    expect(notes).toEqual([
      'standard input: its first line names semicolons as delimiter, and --delimiter another; the option counts',
    ]);
  });
});

describe('a delimiter that is guessed', () => {
  const semicolons = 'id;text (raw, en);label\n1;you fool;1\n2;nice day;0\n';
  const many = Array.from({ length: 500 }, (_, at) => `${at};"some; text, and more";${at}\n`).join('');
  test.each([
    ['a header with commas in a name', semicolons, ';', 'you fool'],
    ['the same, with longer rows', `id;text (raw, en);label\n${many}`, ';', 'some; text, and more'],
    ['tabs in .csv', 'id\ttext, raw\n1\ta, b\n2\tc\n', '\t', 'a, b'],
    ['bars', 'id|text\n1|a, b\n', '|', 'a, b'],
    ['commas, with a semicolon in a name', 'id,text; raw\n1,a\n2,b; c\n', ',', 'a'],
    ['quoted names with delimiters', '"id;no"|"text, ""raw""\tor so"|label\n1|a, b|0\n', '|', 'a, b'],
    ['a quoted name of two lines', '"text;\nraw";id\na, b;1\n', ';', 'a, b'],
    ['commas that texts have, too, without quotes', 'id,text\n1,a, b\n2,c\n', ',', '[wrong_field_count]'],
    ['semicolons that no row has as often', 'id;text\n1;a;b\n', ';', '[wrong_field_count]'],
    ['blank lines first', '\n\nid;text\n1;a, b\n', ';', 'a, b'],
  ])('%s', async (_, content, delimiter, first) => {
    const textColumn = ['text (raw, en)', 'text, raw', 'text; raw', 'text, "raw"\tor so', 'text;\nraw'].find((name) =>
      content.replaceAll('""', '"').includes(name),
    );
    const { rows, notes } = await read(content, { format: 'csv', textColumn });
    expect(brief(rows[0]!)).toBe(first);
    expect(notes.length).toBe(delimiter === ',' ? 0 : 1);
    expect(notes.join()).toContain({ ',': '', ';': 'semicolons', '\t': 'tabs', '|': 'bars' }[delimiter]);
  });

  test('a name with a comma in brackets is a name', async () => {
    const content = 'id;text (raw, en);label\n1;what a day, really;1\n2;fine with me;0\n';
    expect(await openPieces([content], { format: 'csv' })).toMatchObject({
      textColumn: 'text (raw, en)',
      idColumn: 'id',
    });
  });

  test('a .tsv file of commas is read as what it is, one column of sentences as one column', async () => {
    expect((await read('id,text\n1,a\n2,b\n', { format: 'tsv' })).notes.join()).toContain('separated by commas');
    const column = { format: 'tsv', textColumn: 'text, raw' } as const;
    expect(await textsOf('text, raw\none\ntwo, three\nfour\n', column)).toEqual(['one', 'two, three', 'four']);
  });
});

describe('line ends', () => {
  test.each([
    ['txt', 'one\r\r\ntwo\r\r\n', ['one', 'two']],
    ['txt', 'one\r\r\r\ntwo\n\nthree\r\n', ['one', 'two', '', 'three']],
    ['txt', 'one\r\r\n\r\r\ntwo\r\r\n', ['one', '', 'two']],
    ['txt', 'a\nb\rc\n', ['a', 'b\rc']],
    ['txt', 'a\r\rb\r', ['a', '', 'b']],
    ['csv', 'id,text\r\r\n1,"a\r\r\nb"\r\r\n2,c\r\r\n', ['a\r\r\nb', 'c']],
    ['csv', 'text,id\r\r\n"a",1\r\r\nb,\r\r\n', ['a', 'b']],
    ['jsonl', '"a"\r\r\n"b"\r\r\n', ['a', 'b']],
    ['tsv', 'id\ttext\r\r\n1\ta\r\r\n', ['a']],
  ] as const)('%s: %j', async (format, content, expected) => {
    expect(await textsOf(content, { format })).toEqual(expected);
  });
});

describe('a source that is read again', () => {
  let folder: string;
  beforeEach(() => {
    folder = mkdtempSync(join(tmpdir(), 'detoxq-dialect-'));
  });
  afterEach(() => {
    rmSync(folder, { recursive: true, force: true });
  });

  test.each([
    [{ delimiter: ';' }, 'id;text\n1;a, b\n2;c\n'],
    [{ quote: 'none' }, 'id,text\n1,"a\n2,b" c\n'],
    [{ quote: "'" }, "id,text\n1,'a,\nb'\n2,c\n"],
    [{ escape: '\\' }, 'id,text\n1,"a \\", b"\n2,c\n'],
    [{ encoding: 'windows-1252' }, Buffer.from('id,text\n1,caf\xe9 \x96\n2,c\n', 'latin1')],
    [{ encoding: 'utf-16be' }, Buffer.from('id,text\n1,é\n2,c\n', 'utf16le').swap16()],
    [{ skipLines: 2 }, 'made by us\n\nid,text\n1,a\n2,c\n'],
    [{}, 'sep=;\nid;text\n1;a, b\n2;c\n'],
  ] as const)('with %j', async (dialect, content) => {
    const path = join(folder, 'a.csv');
    writeFileSync(path, content);
    const first = await openDataset([path], { ...dialect, textColumn: 'text' });
    const rows = await allRows(first);
    expect(rows.filter((row) => 'text' in row)).toHaveLength(2);
    const again = await reopenDataset(JSON.parse(JSON.stringify(first.source)));
    expect(again.source).toEqual(first.source);
    expect(await allRows(again)).toEqual(rows);
    expect(await allRows(again, 1)).toEqual(rows.slice(1));
  });
});
