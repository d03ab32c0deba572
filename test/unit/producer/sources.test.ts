import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { type DatasetOptions, openDataset } from '../../../src/producer/dataset.ts';
import { reopenDataset } from '../../../src/producer/source.ts';
import { allRows, brief, cut, openPieces, readRows } from '../../support/datasets.ts';

let folder: string;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'detoxq-sources-'));
});
afterEach(() => rmSync(folder, { recursive: true }));

function file(name: string, content: string): string {
  const path = join(folder, name);
  writeFileSync(path, content);
  return path;
}

async function read(files: string[], options: DatasetOptions = {}) {
  const notes: string[] = [];
  const dataset = await openDataset(files, { ...options, onNote: (note) => notes.push(note) });
  return {
    dataset,
    rows: (await allRows(dataset)).map(brief),
    notes: notes.map((note) => note.replaceAll(`${folder}/`, '')),
  };
}

describe('several files, of which some are empty', () => {
  test('left out with a note, in whatever way they are empty; rows are numbered on, and a resume finds the same', async () => {
    const files = [
      file('part-0.csv', 'id,text\n1,a\n2,b\n'),
      file('part-1.csv', ''),
      file('part-2.csv', 'id,text\n'),
      file('part-3.csv', '\ufeff'),
      file('part-4.csv', 'id,text\n3,c\n'),
      file('part-5.csv', '\n\n'),
    ];
    const { dataset, rows, notes } = await read(files);
    expect(rows).toEqual(['a', 'b', 'c']);
    expect(notes).toEqual([
      'part-1.csv: is empty (0 bytes): left out',
      'part-2.csv: has a header and no rows: left out',
      'part-3.csv: is empty (no rows): left out',
      'part-5.csv: is empty (no rows): left out',
    ]);
    expect(dataset.source.files.map(({ path }) => path)).toEqual(files);
    const again = await reopenDataset(dataset.source);
    expect((await allRows(again, 2)).map((row) => [row.rowNo, brief(row)])).toEqual([[2, 'c']]);
    writeFileSync(files[1] ?? '', 'id,text\n9,late\n');
    await expect(reopenDataset(dataset.source)).rejects.toThrow(/part-1\.csv: is not the file/);
  });

  test('the first may be the empty one, and its ending need not say a format', async () => {
    const { rows } = await read([file('_SUCCESS', ''), file('a.jsonl', ''), file('b.jsonl', '{"body":"b"}\n')]);
    expect(rows).toEqual(['b']);
  });

  test('all of them: refused, each with its reason', async () => {
    await expect(read([file('a.csv', ''), file('b.csv', 'text\n')])).rejects.toThrow(
      /^no file has a row: .*a\.csv: is empty \(0 bytes\); .*b\.csv: has a header and no rows$/,
    );
    await expect(read([file('b.csv', 'text\n')])).rejects.toThrow(/b\.csv: has a header and no rows$/);
  });

  test('ids in some files only are said', async () => {
    const { notes } = await read([file('a.csv', 'id,text\n1,a\n'), file('b.csv', 'text\nb\n'), file('c.txt', 'c\n')]);
    expect(notes).toEqual(['b.csv: has no column "id", as other files have: its rows have no row key']);
  });
});

describe('a named column of JSON need not stand in the first rows', () => {
  const submissions = Array.from({ length: 150 }, (_, id) => `{"id":${id},"title":"t ${id}"}\n`).join('');
  const comments = '{"id":150,"body":"late"}\n{"id":151,"body":"later","key":"k"}\n';

  test('it is looked for in the rest; rows without it are row errors, and that is said', async () => {
    const { rows, notes } = await read([file('a.jsonl', submissions + comments)], { textColumn: 'body' });
    expect(rows.filter((row) => row === '[missing_text]')).toHaveLength(150);
    expect(rows.slice(150)).toEqual(['late', 'later']);
    expect(notes).toEqual([
      'a.jsonl: none of the first rows has "body" (--text-column); rows without it become row errors (missing_text). Columns there: id, title',
    ]);
  });

  test('no row has it: refused at once, with the columns', async () => {
    const path = file('a.jsonl', submissions + comments);
    await expect(read([path], { textColumn: 'bdy' })).rejects.toThrow(
      'has no column "bdy" (--text-column). Columns: id, title',
    );
    await expect(read([path], { textColumn: 'body', limit: 150 })).rejects.toThrow('has no column "body"');
    const few = file('few.jsonl', '{"a":"x"}\n');
    await expect(read([few], { textColumn: 'nope' })).rejects.toThrow(
      'has no column "nope" (--text-column). Columns: a',
    );
  });

  test('nor in every file; but in CSV a header says what is there', async () => {
    const a = file('a.jsonl', '{"title":"x"}\n');
    const b = file('b.jsonl', '{"body":"b"}\n');
    expect((await read([a, b], { textColumn: 'body' })).rows).toEqual(['[missing_text]', 'b']);
    await expect(read([file('c.csv', 'title\nx\n'), b], { textColumn: 'body' })).rejects.toThrow(
      /c\.csv: has no column "body"/,
    );
  });

  test('a pipe cannot be searched: it is believed', async () => {
    const dataset = await openPieces([submissions, comments], { format: 'jsonl', textColumn: 'body' });
    expect((await allRows(dataset)).slice(150).map(brief)).toEqual(['late', 'later']);
  });

  test('the same for the id column, and for other columns that are asked for', async () => {
    const { dataset, notes } = await read([file('a.jsonl', submissions + comments)], {
      textColumn: 'body',
      idColumn: 'key',
    });
    expect((await allRows(dataset)).slice(150).map(({ rowKey }) => rowKey)).toEqual([null, 'k']);
    expect(notes[1]).toMatch(/none of the first rows has "key" \(--id-column\); rows without it have no row key/);
    expect(await dataset.requireColumn('key', '--out-column')).toBe('key');
    expect(await dataset.requireColumn('TITLE', '--out-column')).toBe('title');
    await expect(dataset.requireColumn('kay', '--out-column')).rejects.toThrow('has no column "kay" (--out-column)');
  });
});

describe('JSON that is spread over lines in another way', () => {
  test.each([
    ['[\n{"text":"a"},\n{"text":"b"}\n]\n', /line 1: an array begins.*jq -c '\.\[\]' FILE/],
    ['[{"text":"a"},\n{"text":"b"},\n{"text":"c"}]\n', /an array begins/],
    ['[{"text":"a"},{"text":"b"}]\n', /an array begins/],
    ['\n\ufeff[\n  {\n    "text": "a"\n  }\n]\n', /line 2: an array begins/],
    ['[\n"a",\n"b"\n]\n', /an array begins/],
    [
      '{\n  "text": "a",\n  "tags": [\n    "x"\n  ]\n}\n{\n  "text": "b"\n}\n',
      /an object is spread over several lines.*jq -c \. FILE/,
    ],
    ['{"text":"a"},\n{"text":"b"},\n{"text":"c"}\n', /a comma follows the object.*sed/],
  ])('%j', async (content, message) => {
    await expect(readRows(content, { format: 'jsonl' })).rejects.toThrow(message);
  });

  test('one broken line is a row error', async () => {
    for (const line of ['{"text":"a"},', '{"text":', '[1]', '{']) {
      const rows = await readRows(`{"text":"first"}\n${line}\n{"text":"b"}\n{"text":"c"}\n`, { format: 'jsonl' });
      expect(rows.map(brief)).toEqual(['first', '[invalid_json]', 'b', 'c']);
    }
  });
});

describe('byte order marks of files that were joined', () => {
  test('JSONL and text', async () => {
    expect((await readRows('\ufeff{"text":"a"}\n\ufeff{"text":"b"}\n', { format: 'jsonl' })).map(brief)).toEqual([
      'a',
      'b',
    ]);
    expect((await readRows('\ufeffa\n\ufeffb\nc\ufeffd\n', { format: 'txt' })).map(brief)).toEqual([
      'a',
      'b',
      'c\ufeffd',
    ]);
  });

  test.each([1, 2, 3, 1_000])(
    'CSV, also before a quote, in pieces of %i: a header that comes again is a row error',
    async (bytes) => {
      const content = '\ufeffid,text\n1,a\n\ufeffid,text\n2,"b, c"\n\ufeff"3","d, e"\n4,\ufefff\n';
      const rows = await allRows(await openPieces(cut(Buffer.from(content), [bytes]), { format: 'csv' }));
      expect(rows.map((row) => `${row.rowKey} ${brief(row)}`)).toEqual([
        '1 a',
        'null [repeated_header]',
        '2 b, c',
        '3 d, e',
        '4 \ufefff',
      ]);
    },
  );
});

describe('what is no local file', () => {
  test.each([
    [
      'https://example.org/data/x.jsonl.gz',
      /^https:\/\/…\/x\.jsonl\.gz: is an address, which is not read; pipe it: curl -sSfL ADDRESS \| detoxq … - --format jsonl\. Read are local files/,
    ],
    ['s3://bucket/folder/x.csv', /^s3:\/\/…\/x\.csv: .*aws s3 cp ADDRESS - \| detoxq … - --format csv/],
    ['s3://bucket/x.parquet', /aws s3 cp ADDRESS - \| detoxq … - --format csv\|tsv\|jsonl\|txt/],
    ['hf://datasets/owner/name', /is an address of a hub, which is not read; download the file first: hf download/],
    ['file:///tmp/x.csv', /without file:/],
    ['postgresql://u:secret@h/db', /copy \(select …\) to stdout csv header/],
    ['sftp://h/x.csv', /download it first/],
    ['data/*.csv', /no such file; if it is a pattern/],
    ['data/part-{1,2}.csv', /if it is a pattern/],
    ['none.csv', /none\.csv: no such file$/],
  ])('%s', async (name, message) => {
    await expect(openDataset([name], {})).rejects.toThrow(message);
  });

  test.each([
    'https://u:secret@h/x.csv',
    'https://u:se/secret@h',
    'https://h/x.csv?X-Signature=secret',
    'https://h/x.parquet?token=secret#secret',
    'https://secret@h',
    'weird://secret',
  ])('%s is never shown whole', async (name) => {
    await expect(openDataset([name], {})).rejects.toThrow(/is an address/);
    await expect(openDataset([name], {})).rejects.not.toThrow(/secret/);
  });

  test('a folder: an example of what is in it', async () => {
    mkdirSync(join(folder, 'parts'));
    await expect(openDataset([join(folder, 'parts')], {})).rejects.toThrow(
      /is a folder; name the files in it\. Read are/,
    );
    for (const name of ['a.jsonl.gz', 'b.jsonl.gz', 'c.csv', 'd.log']) file(`parts/${name}`, 'x');
    await expect(openDataset([join(folder, 'parts/')], {})).rejects.toThrow(/e\.g\. .*\/parts\/\*\.jsonl\.gz$/);
  });

  test.each([
    ['x.parquet', /by its ending it is Parquet, which is not read; convert it, .*duckdb.* Read are local files of CSV/],
    ['x.XLSX', /a workbook, which is not read; save it as CSV/],
    ['x.zip', /unzip -p FILE NAME/],
    ['x.tar.gz', /tar -xOf FILE NAME/],
    ['x.csv.xz', /xz -dc FILE/],
    ['x.json', /With one object per line it is jsonl; of an array: jq/],
    ['x.log', /its ending does not tell the format: say --format/],
  ])('the ending of %s', async (name, message) => {
    await expect(openDataset([file(name, 'x')], {})).rejects.toThrow(message);
  });
});
