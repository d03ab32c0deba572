import { Readable } from 'node:stream';
import v8 from 'node:v8';
import vm from 'node:vm';
import { describe, expect, test } from 'vitest';
import type { ChunkRow } from '../../../src/contract/row.ts';
import { openDataset } from '../../../src/producer/dataset.ts';
import { allRows, brief, openPieces, readRows } from '../../support/datasets.ts';

const latin1 = (text: string) => Buffer.from(text, 'latin1');

v8.setFlagsFromString('--expose-gc');
const collectGarbage: () => void = vm.runInNewContext('gc');

function liveBytes(): number {
  collectGarbage();
  const { heapUsed, external } = process.memoryUsage();
  return heapUsed + external;
}

/** Code and message of a rejected row. */
function faultOf(row: ChunkRow | undefined): string {
  return row !== undefined && 'fault' in row ? `${row.fault.code}: ${row.fault.message}` : 'not rejected';
}

describe('rows that cannot be read', () => {
  test('bytes that are not UTF-8: that row only, with its line', async () => {
    const rows = await readRows(latin1('text\nfine\ncaf\xe9\n\nalso fine\n'), { format: 'csv' });
    expect(rows.map(brief)).toEqual(['fine', '[not_utf8]', 'also fine']);
    expect(faultOf(rows[1])).toBe(
      'not_utf8: standard input, line 3: is not UTF-8 (byte 0xE9); name its encoding, for example --encoding windows-1252',
    );
  });

  test.each([
    ['a lone continuation byte', [0x80]],
    ['an overlong form', [0xc0, 0xaf]],
    ['a surrogate as UTF-8', [0xed, 0xa0, 0x80]],
    ['beyond U+10FFFF', [0xf4, 0x90, 0x80, 0x80]],
    ['a sequence cut by the end', [0xf0, 0x9f, 0x98]],
  ])('not UTF-8: %s', async (_, bytes) => {
    const rows = await readRows(Buffer.concat([Buffer.from('good\nbad'), Buffer.from(bytes)]), { format: 'txt' });
    expect(rows.map(brief)).toEqual(['good', '[not_utf8]']);
  });

  test('an honest U+FFFD is text', async () => {
    expect(await readRows('a \ufffd b\n', { format: 'txt' })).toEqual([
      { rowNo: 0, rowKey: null, text: 'a \ufffd b', meta: null },
    ]);
  });

  test('too many and too few fields; empty fields at the end are dropped', async () => {
    const rows = await readRows('id,text\n1,a,b\n2\n3,c,,\n4,d\n', { format: 'csv' });
    expect(rows.map(brief)).toEqual(['[wrong_field_count]', '[wrong_field_count]', 'c', 'd']);
    expect(faultOf(rows[0])).toContain('line 2: 3 fields where the header has 2');
    expect(faultOf(rows[1])).toContain('line 3: 1 fields where the header has 2');
  });

  test('lines are physical lines, also after quoted line breaks and blank lines', async () => {
    const rows = await readRows('id,text\r\n1,"a\r\nb\nc"\r\n\r\n2\r\n3,"x\ny"z,q\r\n', { format: 'csv' });
    expect(rows.map(brief)).toEqual(['a\r\nb\nc', '[wrong_field_count]', '[bad_quotes]']);
    expect(faultOf(rows[1])).toContain('line 6:');
    expect(faultOf(rows[2])).toContain('lines 7 to 8:');
  });

  test('something after a closing quote: that row only', async () => {
    const rows = await readRows('text\n"said "hi" there"\nfine\n', { format: 'csv' });
    expect(rows.map(brief)).toEqual(['[bad_quotes]', 'fine']);
  });

  test('a quote inside a field that does not begin with one is text', async () => {
    expect((await readRows('id,text\n1,6" of "snow"\n', { format: 'csv' })).map(brief)).toEqual(['6" of "snow"']);
  });

  test('truncated and invalid JSON lines, and lines of another kind', async () => {
    const lines = ['{"text":"a"}', '{"text":"b', '{"text":"c",}', '[1]', '7', '', '{"text":"d"}', '"bare"'];
    const rows = await readRows(lines.join('\n'), { format: 'jsonl' });
    expect(rows.map(brief)).toEqual([
      'a',
      '[invalid_json]',
      '[invalid_json]',
      '[invalid_json]',
      '[invalid_json]',
      'd',
      'bare',
    ]);
    expect(faultOf(rows[1])).toBe(
      'invalid_json: standard input, line 2: not JSON: the line ends too early, after 10 characters',
    );
    expect(faultOf(rows[2])).toMatch(/line 3: not JSON from character 13 on$/);
  });

  test('no text, null as text, a text that is not a string', async () => {
    const lines = ['{"text":"a","id":9}', '{"id":1}', '{"id":2,"text":null}', '{"id":"x","text":5}'];
    const rows = await readRows(lines.join('\n'), { format: 'jsonl' });
    expect(rows.map((row) => `${row.rowKey} ${brief(row)}`)).toEqual([
      '9 a',
      '1 [missing_text]',
      '2 [missing_text]',
      'x [text_not_string]',
    ]);
  });

  test.each(['csv', 'tsv', 'jsonl', 'txt'] as const)('%s: a row over the size cap', async (format) => {
    const long = 'x'.repeat(3_000);
    const content = {
      csv: `text\nbefore\n"${long}"\nafter\n`,
      tsv: `text\nbefore\n${long}\nafter\n`,
      jsonl: `"before"\n"${long}"\n"after"\n`,
      txt: `before\n${long}\nafter\n`,
    }[format];
    for (const maxTextBytes of [100, 2_999]) {
      const rows = await readRows(content, { format, maxTextBytes });
      expect(rows.map(brief)).toEqual(['before', '[too_large]', 'after']);
    }
    expect((await readRows(content, { format, maxTextBytes: 3_000 })).map(brief)).toEqual(['before', long, 'after']);
  });

  test('the size cap counts bytes, not characters', async () => {
    const rows = await readRows(`${'é'.repeat(10)}\n${'é'.repeat(11)}\n`, { format: 'txt', maxTextBytes: 20 });
    expect(rows.map(brief)).toEqual(['é'.repeat(10), '[too_large]']);
  });

  test('a row of any length needs no more memory than the cap, and its neighbours are read', async () => {
    const mebibyte = Buffer.alloc(1024 * 1024, 'line of text\n');
    let grown = 0;
    async function* pieces() {
      yield Buffer.from('text\nbefore\n"');
      const before = liveBytes();
      for (let piece = 0; piece < 150; piece++) yield mebibyte;
      grown = liveBytes() - before;
      yield Buffer.from('"\nafter\n');
    }
    const dataset = await openDataset(['-'], { format: 'csv', maxTextBytes: 1_000 }, Readable.from(pieces()));
    const rows = await allRows(dataset);
    expect(rows.map(brief)).toEqual(['before', '[too_large]', 'after']);
    expect(faultOf(rows[1])).toContain('lines 3 to');
    expect(grown).toBeLessThan(20 * 1024 * 1024);
  });

  test('no message holds text of a row', async () => {
    const secret = 'SECRETWORD';
    const documents = [
      ['csv', `id,text\n1,${secret},${secret}\n2,"${secret}"${secret}\n3\n`],
      ['jsonl', `{"text":"a"}\n{"text":${secret}}\n{"text":"${secret}\n["${secret}"]\n{"${secret}":"${secret}"}\n`],
      ['txt', Buffer.concat([Buffer.from(`${secret} `), Buffer.from([0xff]), Buffer.from(secret)])],
    ] as const;
    for (const [format, content] of documents) {
      const rows = await readRows(content, { format });
      const faults = rows.flatMap((row) => ('fault' in row ? [row.fault] : []));
      expect(faults.length).toBeGreaterThan(0);
      expect(JSON.stringify(faults)).not.toContain(secret);
    }
  });
});

describe('rows that are made storable', () => {
  test('NUL in CSV, in text, other columns and the row key', async () => {
    const rows = await readRows('id,text,other\nk\0,a\0b,c\0\nx,y,z\n', { format: 'csv' });
    expect(rows).toEqual([
      {
        rowNo: 0,
        rowKey: 'k\ufffd',
        text: 'a\ufffdb',
        meta: { other: 'c\ufffd', detoxq: { repaired: ['nul'] } },
      },
      { rowNo: 1, rowKey: 'x', text: 'y', meta: { other: 'z' } },
    ]);
  });

  test('NUL and lone surrogates in JSON, in keys and nested values too; pairs stay', async () => {
    const line = String.raw`{"text":"a\u0000\ud83d b \ud83d\ude00","m\u0000":{"k\udc00":["\ud800"]}}`;
    expect(await readRows(line, { format: 'jsonl' })).toEqual([
      {
        rowNo: 0,
        rowKey: null,
        text: 'a\ufffd\ufffd b 😀',
        meta: { 'm\ufffd': { 'k\ufffd': ['\ufffd'] }, detoxq: { repaired: ['nul', 'surrogate'] } },
      },
    ]);
  });

  test('integers beyond 2^53 and numbers beyond doubles keep their digits, as strings', async () => {
    const line = String.raw`{"id":1234567890123456789,"text":"in \"text\" 1234567890123456789","big":1e999,"p":0.1234567890123456}`;
    expect(await readRows(line, { format: 'jsonl' })).toEqual([
      {
        rowNo: 0,
        rowKey: '1234567890123456789',
        text: 'in "text" 1234567890123456789',
        meta: { big: '1e999', p: 0.1234567890123456, detoxq: { repaired: ['number'] } },
      },
    ]);
  });

  test("the dataset's own column detoxq keeps its value under another name", async () => {
    const [csv] = await readRows('text,detoxq\na\0,mine\n', { format: 'csv' });
    expect(csv).toMatchObject({ meta: { detoxq_: 'mine', detoxq: { repaired: ['nul'] } } });
    const [json] = await readRows('{"text":"a","detoxq":{"x":1}}', { format: 'jsonl' });
    expect(json).toMatchObject({ meta: { detoxq_: { x: 1 } } });
  });

  test('a key called __proto__ is data', async () => {
    const [json] = await readRows('{"text":"a","__proto__":{"x":1}}', { format: 'jsonl' });
    expect(JSON.stringify(json)).toContain('"__proto__":{"x":1}');
  });

  test('JSON that is nested too deep for the database is rejected', async () => {
    const nested = (levels: number) => `{"text":"a","m":${'['.repeat(levels)}${']'.repeat(levels)}}`;
    const rows = await readRows(`${nested(99)}\n${nested(100)}\n${nested(50_000)}\n`, { format: 'jsonl' });
    expect(rows.map(brief)).toEqual(['a', '[invalid_json]', '[invalid_json]']);
  });
});

describe('faults that end a dataset', () => {
  test('a quote that is never closed: rows before it are handed out, and the error names its line', async () => {
    const before = 'fine\n'.repeat(1_000);
    const dataset = await openPieces([`text\n${before}`, '"open\nmore\n', 'more\n'.repeat(1_000)], { format: 'csv' });
    const rows: string[] = [];
    const reading = (async () => {
      for await (const batch of dataset.read()) rows.push(...batch.map(brief));
    })();
    await expect(reading).rejects.toThrow(/^standard input, line 1002: the quote that opens here is never closed/);
    expect(rows).toHaveLength(1_000);
  });

  test('among the first rows it is found before anything is handed out', async () => {
    await expect(openPieces(['text\nfine\n"open\n'], { format: 'csv' })).rejects.toThrow(/line 3: the quote/);
  });

  test('nothing, only a header, only blank lines', async () => {
    await expect(openPieces([], { format: 'txt' })).rejects.toThrow('standard input: is empty (no rows)');
    await expect(openPieces(['id,text\n\n'], { format: 'csv' })).rejects.toThrow('has a header and no rows');
    await expect(openPieces(['\n\n  \n'], { format: 'jsonl' })).rejects.toThrow('is empty (no rows)');
  });

  test('JSON that is not JSONL', async () => {
    await expect(openPieces(['[\n{"text":"a"},\n{"text":"b"}]\n'], { format: 'jsonl' })).rejects.toThrow(
      /^standard input, line 1: an array begins, and JSONL has one object per line/,
    );
    await expect(openPieces(['7\n8\n9\n'], { format: 'jsonl' })).rejects.toThrow(
      /^standard input, line 1: none of the first 3 lines is a JSON object/,
    );
    await expect(openPieces(['id,text\n1,a\n'], { format: 'jsonl' })).rejects.toThrow(/another format is read with/);
  });
});
