import { execFileSync, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdirSync, mkdtempSync, rmSync, utimesSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { PassThrough } from 'node:stream';
import * as zlib from 'node:zlib';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { openDataset } from '../../../src/producer/dataset.ts';
import { checkSourceUnchanged, reopenDataset } from '../../../src/producer/source.ts';
import { allRows, brief, cut, openPieces, readRows } from '../../support/datasets.ts';

let folder: string;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'detoxq-datasets-'));
});
afterEach(() => {
  rmSync(folder, { recursive: true, force: true });
});

function file(name: string, content: string | Uint8Array): string {
  const path = join(folder, name);
  writeFileSync(path, content);
  return path;
}

async function textsIn(...files: string[]): Promise<string[]> {
  return (await allRows(await openDataset(files, {}))).map(brief);
}

describe('formats', () => {
  test.each([
    ['a.csv', 'id,text\n1,"x, y"\n'],
    ['a.tsv', 'id\ttext\n1\tx, y\n'],
    ['a.tab', 'id\ttext\n1\tx, y\n'],
    ['a.jsonl', '{"id":1,"text":"x, y"}\n'],
    ['A.NDJSON', '{"id":1,"text":"x, y"}'],
    ['a.txt', 'x, y\n'],
    ['a.text', '\ufeffx, y'],
  ])('%s by its ending', async (name, content) => {
    expect(await textsIn(file(name, content))).toEqual(['x, y']);
  });

  test('an ending that says nothing: --format', async () => {
    const path = file('comments.dat', 'text\na\n');
    await expect(openDataset([path], {})).rejects.toThrow(/its ending does not tell the format: say --format csv\|tsv/);
    expect((await allRows(await openDataset([path], { format: 'csv' }))).map(brief)).toEqual(['a']);
    await expect(openDataset(['-'], {}, new PassThrough())).rejects.toThrow(/say --format/);
  });

  test('CSV with another delimiter, as spreadsheets of some countries write it', async () => {
    for (const delimiter of [';', '\t', '|']) {
      const rows = await readRows(`id${delimiter}text\n1${delimiter}a, b\n`, { format: 'csv' });
      expect(rows).toEqual([{ rowNo: 0, rowKey: '1', text: 'a, b', meta: null }]);
    }
  });

  test('a lone CR ends lines only in files whose first line ends so', async () => {
    expect((await readRows('text\ra\rb\r', { format: 'csv' })).map(brief)).toEqual(['a', 'b']);
    expect((await readRows('text\na\rb\n', { format: 'csv' })).map(brief)).toEqual(['a\rb']);
    expect((await readRows('one\rtwo\r\nthree\nfour', { format: 'txt' })).map(brief)).toEqual([
      'one',
      'two',
      'three',
      'four',
    ]);
  });

  test('blank lines are rows of plain text, and nothing elsewhere', async () => {
    expect((await readRows('a\n\n  \nb\n', { format: 'txt' })).map(brief)).toEqual(['a', '', '  ', 'b']);
    expect((await readRows('text\na\n\n""\nb\n', { format: 'csv' })).map(brief)).toEqual(['a', '', 'b']);
    expect((await readRows('"a"\n\n"b"\n', { format: 'jsonl' })).map(brief)).toEqual(['a', 'b']);
  });
});

describe('columns', () => {
  test.each([
    ['id,text,toxic\n1,hello you,0\n', 'text', 'id'],
    ['toxic,neutral1\nyou fool,you\n', 'toxic', null],
    ['Comment_Text,ID\nhello,7\n', 'Comment_Text', 'ID'],
    ['comment,score\nhello,0.5\n', 'comment', null],
    ['label,body\n1,hello\n0,you\n', 'body', null],
    ['id,body\nc1,hello\n', 'body', 'id'],
    ['toxic,body\n0,hello you\n1,you\n', 'body', null],
    ['source,body,score\nnews,hello you,1\n', 'body', null],
    ['source,remark,score\nnews,hello you,1\n', null, null],
    ['remark\n12\n', 'remark', null],
  ])('%j: text %s, id %s', async (content, text, id) => {
    const opening = openPieces([content], { format: 'csv' });
    if (text === null) {
      await expect(opening).rejects.toThrow(
        /cannot tell which column holds the text; name the text column with --text-column. Columns: source, remark, score/,
      );
    } else {
      expect(await opening).toMatchObject({ textColumn: text, idColumn: id });
    }
  });

  test('named columns, whatever their case; one that is not there', async () => {
    const content = 'Key,Body,text\nk,b,t\n';
    const dataset = await openPieces([content], { format: 'csv', textColumn: 'body', idColumn: 'key' });
    expect(dataset.columns).toEqual(['Key', 'Body', 'text']);
    expect(await allRows(dataset)).toEqual([{ rowNo: 0, rowKey: 'k', text: 'b', meta: { text: 't' } }]);
    await expect(openPieces([content], { format: 'csv', textColumn: 'nope' })).rejects.toThrow(
      'standard input: has no column "nope" (--text-column). Columns: Key, Body, text',
    );
    await expect(openPieces([content], { format: 'csv', idColumn: 'nope' })).rejects.toThrow(/--id-column/);
    await expect(openPieces(['{"a":"x"}'], { format: 'jsonl', textColumn: 'nope' })).rejects.toThrow(/Columns: a$/);
    await expect(openPieces(['x\n'], { format: 'txt', textColumn: 'a' })).rejects.toThrow(/do not fit lines of text/);
  });

  test('a file without a header is not mistaken, and its text stays out of the message', async () => {
    const content = 'You are such a fool, Kevin!,1\nNice work.,0\n';
    for (const textColumn of [undefined, 'text']) {
      const opening = openPieces([content], { format: 'csv', textColumn });
      await expect(opening).rejects.toThrow(/header/);
      await expect(opening).rejects.not.toThrow(/Kevin/);
    }
  });

  test('headers with names twice, with unnamed columns, with none', async () => {
    await expect(openPieces(['text,a,b,a\nx,1,2,3\n'], { format: 'csv' })).rejects.toThrow(
      'standard input, line 1: columns 2 and 4 of the header have the same name; rename one',
    );
    await expect(openPieces([',,\nx,1,2\n'], { format: 'csv' })).rejects.toThrow(/the header has no names/);
    // As pandas writes its index, and Excel empty columns.
    const rows = await readRows(',text,,\n0,a,,\n1,b,x,\n', { format: 'csv' });
    expect(rows.map((row) => ('meta' in row ? row.meta : row))).toEqual([
      { column_1: '0' },
      { column_1: '1', column_3: 'x' },
    ]);
  });

  test('JSON objects need not have the same keys; other values keep their type', async () => {
    const lines = ['{"n":1,"text":"a"}', '{"text":"b","id":12,"m":{"k":[true,null]}}'];
    const dataset = await openPieces([lines.join('\n')], { format: 'jsonl' });
    expect(dataset.columns).toEqual(['n', 'text', 'id', 'm']);
    expect(await allRows(dataset)).toEqual([
      { rowNo: 0, rowKey: null, text: 'a', meta: { n: 1 } },
      { rowNo: 1, rowKey: '12', text: 'b', meta: { m: { k: [true, null] } } },
    ]);
  });
});

describe('files', () => {
  test('several files are one dataset; the first one names the text column', async () => {
    const a = file('a.csv', 'id,comment\n1,a\n');
    const b = file('b.jsonl', '{"text":"not this","comment":"b"}\n');
    const c = file('c.txt', 'c\nd\n');
    const dataset = await openDataset([a, b, c], {});
    expect(await allRows(dataset)).toEqual([
      { rowNo: 0, rowKey: '1', text: 'a', meta: null },
      { rowNo: 1, rowKey: null, text: 'b', meta: { text: 'not this' } },
      { rowNo: 2, rowKey: null, text: 'c', meta: null },
      { rowNo: 3, rowKey: null, text: 'd', meta: null },
    ]);
    expect(dataset.columns).toEqual(['id', 'comment', 'text']);
    await expect(openDataset([a, file('d.csv', 'text\nx\n')], {})).rejects.toThrow(
      /d\.csv: has no column "comment" \(the text column of .*a\.csv\)\. Columns: text$/,
    );
    const headless = file('e.csv', '2,more text here\n3,you fool\n');
    await expect(openDataset([a, headless], {})).rejects.toThrow(
      /e\.csv: has no column "comment" .*Columns: 2, not shown: the first line may be a row/,
    );
  });

  test('the limit counts rows over all files; rows before a resume are read past', async () => {
    const files = [file('a.txt', 'a\nb\n'), file('b.txt', 'c\nd\n')];
    const dataset = await openDataset(files, { limit: 3 });
    expect((await allRows(dataset)).map(brief)).toEqual(['a', 'b', 'c']);
    expect((await allRows(dataset, 2)).map((row) => [row.rowNo, brief(row)])).toEqual([[2, 'c']]);
    expect(await allRows(dataset, 3)).toEqual([]);
    await expect(openDataset(files, { limit: 0 })).rejects.toThrow('--limit is a whole number above 0');
  });

  test('no such file, a folder, an empty file, a file nobody may read', async () => {
    await expect(openDataset([join(folder, 'none.csv')], {})).rejects.toThrow(/none\.csv: no such file/);
    await expect(openDataset([file('a.csv', 'text\na\n'), join(folder, 'none.csv')], {})).rejects.toThrow(/no such/);
    mkdirSync(join(folder, 'f.csv'));
    await expect(openDataset([join(folder, 'f.csv')], {})).rejects.toThrow(/f\.csv: is a folder/);
    await expect(openDataset([file('e.csv', '')], {})).rejects.toThrow(/e\.csv: is empty \(0 bytes\)/);
    await expect(openDataset([file('g.txt.gz', zlib.gzipSync(''))], {})).rejects.toThrow(/is empty \(no rows\)/);
    await expect(openDataset([], {})).rejects.toThrow(/name at least one file/);
    await expect(openDataset(['-', '-'], { format: 'txt' })).rejects.toThrow(/only once/);
  });

  test('a named pipe is read once', async () => {
    const path = join(folder, 'pipe.txt');
    execFileSync('mkfifo', [path]);
    const writer = spawn('sh', ['-c', `printf 'a\\nb\\n' > "$0"`, path]);
    const dataset = await openDataset([path], {});
    expect((await allRows(dataset)).map(brief)).toEqual(['a', 'b']);
    expect(dataset.bytesTotal).toBeNull();
    await expect(checkSourceUnchanged(dataset.source)).rejects.toThrow(/cannot be read a second time/);
    if (writer.exitCode === null) await once(writer, 'exit');
  });

  test('bytes read and in total', async () => {
    const dataset = await openDataset([file('a.txt', 'a\nb\n'), file('b.txt', 'c\n')], {});
    expect([dataset.bytesRead(), dataset.bytesTotal]).toEqual([0, 6]);
    await allRows(dataset);
    expect(dataset.bytesRead()).toBe(6);
  });
});

describe('compressed input', () => {
  const content = Buffer.from(`text\n${Array.from({ length: 5_000 }, (_, index) => `row ${index}\n`).join('')}`);
  const expected = Array.from({ length: 5_000 }, (_, index) => `row ${index}`);
  const gzip = zlib.gzipSync(content);
  // With a checksum, as the zstd command writes it.
  const zstd = zlib.zstdCompressSync?.(content, { params: { [zlib.constants.ZSTD_c_checksumFlag]: 1 } });
  const hasZstd = zstd !== undefined;

  test('gzip, by its first bytes, whatever the name', async () => {
    expect(await textsIn(file('a.csv.gz', gzip))).toEqual(expected);
    expect(await textsIn(file('a.csv', gzip))).toEqual(expected);
    expect(await textsIn(file('plain.csv.gz', content))).toEqual(expected);
    const piped = await openPieces(cut(gzip, [1, 2, 1, 5_000]), { format: 'csv' });
    expect((await allRows(piped)).map(brief)).toEqual(expected);
  });

  test.runIf(hasZstd)('zstd of one frame, of several, with a skippable frame, in pieces', async () => {
    expect(await textsIn(file('a.csv.zst', zstd!))).toEqual(expected);
    const half = content.length >> 1;
    const frames = Buffer.concat([
      Buffer.from([0x5a, 0x2a, 0x4d, 0x18, 3, 0, 0, 0, 1, 2, 3]),
      zlib.zstdCompressSync(content.subarray(0, half)),
      zlib.zstdCompressSync(Buffer.alloc(0)),
      zlib.zstdCompressSync(content.subarray(half), { params: { [zlib.constants.ZSTD_c_checksumFlag]: 1 } }),
    ]);
    expect(await textsIn(file('b.csv.zst', frames))).toEqual(expected);
    const piped = await openPieces(cut(frames, [1, 3, 7]), { format: 'csv' });
    expect((await allRows(piped)).map(brief)).toEqual(expected);
  });

  test.runIf(hasZstd)('zstd blocks of every kind: raw, repeated, compressed', async () => {
    const random = Array.from({ length: 40_000 }, (_, index) => String.fromCodePoint(33 + ((index * 7919) % 90)));
    for (const line of [random.join(''), 'a'.repeat(400_000), 'b']) {
      const dataset = await openDataset([file('a.txt.zst', zlib.zstdCompressSync(`${line}\n`))], {});
      expect((await allRows(dataset)).map(brief)).toEqual([line]);
    }
  });

  test('cut short or damaged: an error that names the file, never a silent end', async () => {
    const kinds: [string, Buffer][] = [['gz', gzip]];
    if (hasZstd) kinds.push(['zst', zstd!], ['zst', Buffer.concat([zstd!, zstd!.subarray(0, 40)])]);
    for (const [ending, bytes] of kinds) {
      for (const keep of [bytes.length - 1, bytes.length - 6, Math.floor(bytes.length / 2)]) {
        const path = file(`cut.txt.${ending}`, bytes.subarray(0, keep));
        const reading = async () => allRows(await openDataset([path], {}));
        await expect(reading()).rejects.toThrow(/cut\.txt\.(gz|zst): the compressed data (ends early|is damaged)/);
      }
      const damaged = Buffer.from(bytes);
      damaged.fill(0xa5, bytes.length >> 1, (bytes.length >> 1) + 20);
      const path = file(`bad.txt.${ending}`, damaged);
      await expect((async () => allRows(await openDataset([path], {})))()).rejects.toThrow(
        /bad\.txt\.(gz|zst): the compressed data/,
      );
    }
  });

  test('formats that are no text are named', async () => {
    await expect(openDataset([file('a.csv', 'PK\u0003\u0004zip and more')], {})).rejects.toThrow(/is a zip archive/);
    await expect(openDataset([file('a.csv', 'PAR1\u0015\u0004\u0015')], {})).rejects.toThrow(/is a Parquet file/);
    await expect(openDataset([file('a.txt', 'BZh91AY&SY...')], {})).rejects.toThrow(/is bzip2-compressed/);
  });
});

describe('a source that is read again', () => {
  test('with the options of the run, while the file is the same', async () => {
    const path = file('a.csv', 'Key,Body,text\nk,b,t\nl,c,u\n');
    const first = await openDataset([path], { textColumn: 'body', idColumn: 'key', limit: 1, format: 'csv' });
    const source = JSON.parse(JSON.stringify(first.source));
    const again = await reopenDataset(source);
    expect(again.source).toEqual(first.source);
    expect(await allRows(again)).toEqual(await allRows(first));
  });

  test('not when it was changed, or is gone', async () => {
    const path = file('a.txt', 'a\n');
    const { source } = await openDataset([path], {});
    utimesSync(path, new Date(), new Date(2001, 1, 1));
    await expect(reopenDataset(source)).rejects.toThrow(/is not the file the run was started with \(changed .* then/);
    writeFileSync(path, 'ab\n');
    await expect(reopenDataset(source)).rejects.toThrow(/2 bytes then, 3 now/);
    rmSync(path);
    await expect(reopenDataset(source)).rejects.toThrow(/is no longer there/);
  });

  test('not from standard input', async () => {
    const { source } = await openPieces(['a\n'], { format: 'txt' });
    await expect(reopenDataset(source)).rejects.toThrow(/standard input: cannot be read a second time/);
  });

  test.each([
    ['grows', 'a\nb\nc\n'],
    ['shrinks', 'a\n'],
    ['is written over', 'c\nd\n'],
  ])('a file that %s after it was opened is an error, never a mixture', async (_, content) => {
    const path = file('a.txt', 'a\nb\n');
    utimesSync(path, new Date(), new Date(2001, 1, 1));
    const dataset = await openDataset([path], {});
    writeFileSync(path, content);
    await expect(allRows(dataset)).rejects.toThrow(/a\.txt: changed while it was read/);
  });

  test('nor is a compressed file that was written over called damaged', async () => {
    const path = file('a.txt.gz', zlib.gzipSync('a\n'));
    utimesSync(path, new Date(), new Date(2001, 1, 1));
    const dataset = await openDataset([path], {});
    writeFileSync(path, Buffer.concat([zlib.gzipSync('a\n'), Buffer.from('half a member')]));
    await expect(allRows(dataset)).rejects.toThrow(/a\.txt\.gz: changed while it was read/);
  });
});
