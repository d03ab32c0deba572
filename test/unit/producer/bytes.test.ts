import { execFileSync } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import * as zlib from 'node:zlib';
import { describe, expect, test } from 'vitest';
import type { Format } from '../../../src/producer/format.ts';
import { allRows, brief, cut, openPieces, readRows } from '../../support/datasets.ts';

const NUL = Buffer.alloc(700);
const gzip = (text: string | Buffer): Buffer => zlib.gzipSync(text);
// Node 22.15 has it; the tests run on Node 24.
const zstd = (text: string | Buffer): Buffer => zlib.zstdCompressSync(text);

async function linesOf(parts: readonly (string | Buffer)[], pieceBytes = 100_000): Promise<string[]> {
  const whole = Buffer.concat(parts.map((part) => Buffer.from(part)));
  return (await allRows(await openPieces(cut(whole, [pieceBytes]), { format: 'txt' }))).map(brief);
}

describe('the end of a gzip member is not the end of the file', () => {
  test.each([1, 7, 100_000])('zero bytes between members and after them, in pieces of %i', async (bytes) => {
    const parts = [gzip('a\n'), NUL, gzip('b\n'), gzip(''), NUL.subarray(0, 1), gzip(''), NUL, gzip('c\n'), NUL];
    expect(await linesOf(parts, bytes)).toEqual(['a', 'b', 'c']);
  });

  test('many members, also long ones, whose ends fall anywhere', async () => {
    const texts = Array.from({ length: 60 }, (_, at) => `${at} ${'some words '.repeat(at * 300)}\n`);
    const parts = texts.flatMap((text, at) => [gzip(text), NUL.subarray(0, (at * 37) % 500)]);
    expect(await linesOf(parts, 4_099)).toEqual(texts.map((text) => text.slice(0, -1)));
  });

  test.each([1, 100_000])('anything else after a member is an error, in pieces of %i', async (bytes) => {
    for (const tail of [
      'garbage',
      '\nx',
      Buffer.from([0x1f]),
      Buffer.from([0x1f, 0x8b, 8]),
      gzip('c\n').subarray(0, -1),
    ]) {
      await expect(linesOf([gzip('a\n'), tail], bytes)).rejects.toThrow(/bytes follow that are none|ends early/);
      await expect(linesOf([gzip('a\n'), NUL, tail], bytes)).rejects.toThrow(/bytes follow that are none|ends early/);
    }
  });

  test.each([
    ['gzip', [gzip('a\n'), NUL, gzip('b\n')], [gzip('a\n').length, gzip('a\n').length + NUL.length]],
    ['zstd', [zstd('a\n'), zstd('b\n')], [zstd('a\n').length]],
  ] as const)('%s cut anywhere but between members is an error', async (_, parts, [from = 0, to = from]) => {
    const whole = Buffer.concat(parts);
    for (let length = 4; length < whole.length; length += 1) {
      const reading = linesOf([whole.subarray(0, length)]);
      if (length >= from && length <= to) expect(await reading).toEqual(['a']);
      else await expect(reading).rejects.toThrow(/ends early|cannot be read/);
    }
  });

  test('zstd: frames without content are nothing, zero bytes and garbage between frames an error', async () => {
    expect(await linesOf([zstd(''), zstd('a\n'), zstd(''), zstd('b\n')])).toEqual(['a', 'b']);
    for (const tail of [NUL, 'garbage', gzip('b\n')]) {
      await expect(linesOf([zstd('a\n'), tail])).rejects.toThrow(/bytes follow that are none/);
    }
  });
});

function tarOf(options: readonly string[]): Buffer {
  const folder = mkdtempSync(join(tmpdir(), 'detoxq-tar-'));
  try {
    writeFileSync(join(folder, 'rows.csv'), 'text\na\nb\n');
    return execFileSync('tar', ['-C', folder, ...options, '-cf', '-', 'rows.csv']);
  } finally {
    rmSync(folder, { recursive: true });
  }
}

function zipOf(name: string): Buffer {
  const header = Buffer.alloc(30);
  header.write('PK\x03\x04', 'latin1');
  header.writeUInt16LE(name.length, 26);
  return Buffer.concat([header, Buffer.from(`${name}rest of the archive`)]);
}

const FOREIGN: readonly (readonly [string, Buffer, RegExp])[] = [
  ['tar', tarOf([]), /a tar archive; .*tar -xOf FILE NAME/],
  ['tar of 1979', tarOf(['--format=v7']), /a tar archive/],
  ['pax', tarOf(['--format=pax']), /a tar archive/],
  ['gzip', gzip('text\na\n'), /gzip-compressed; .*gzip -dc FILE/],
  ['zstd', zstd('text\na\n'), /zstd-compressed/],
  ['zip', zipOf('rows.csv'), /a zip archive; .*unzip -p FILE NAME/],
  ['xlsx', zipOf('[Content_Types].xml'), /an Office document/],
  ['xls', Buffer.from('d0cf11e0a1b11ae1', 'hex'), /an old Office document/],
  ['xz', Buffer.from('fd377a585a0000', 'hex'), /xz-compressed; .*xz -dc/],
  ['bzip2', Buffer.from('BZh91AY&SY', 'latin1'), /bzip2-compressed/],
  ['Parquet', Buffer.from('PAR1\x15\x04'), /a Parquet file; .*convert it to JSONL or CSV, for example/],
  ['SQLite', Buffer.from('SQLite format 3\0'), /an SQLite database; .*sqlite3 -header -csv/],
  ['Avro', Buffer.from('Obj\x01\x04'), /an Avro file/],
  ['ORC', Buffer.from('ORC\x0a\x02\x00\x00\x01'), /an ORC file/],
  ['Arrow', Buffer.from('ARROW1\0\0'), /an Arrow or Feather file/],
  ['Arrow stream', Buffer.from('ffffffff10010000', 'hex'), /an Arrow or Feather file/],
  ['pickle', Buffer.from('800495', 'hex'), /a Python pickle/],
  ['PDF', Buffer.from('%PDF-1.7\n'), /a PDF document/],
  [
    'Git LFS',
    Buffer.from('version https://git-lfs.github.com/spec/v1\noid sha256:00\n'),
    /a pointer of Git LFS .*git lfs pull/,
  ],
  ['zero bytes', Buffer.alloc(1_000), /binary data/],
];

describe('what is certainly no rows is named, with what to do', () => {
  test.each(FOREIGN.filter(([name]) => name !== 'gzip' && name !== 'zstd'))('%s', async (_, bytes, what) => {
    for (const format of ['csv', 'txt'] as const) await expect(readRows(bytes, { format })).rejects.toThrow(what);
  });

  test.each(FOREIGN)('%s inside gzip and inside zstd', async (_, bytes, what) => {
    for (const format of ['csv', 'jsonl'] as const) {
      await expect(readRows(gzip(bytes), { format })).rejects.toThrow(what);
      await expect(readRows(gzip(bytes), { format })).rejects.toThrow(/is, inside its gzip compression, /);
      await expect(readRows(zstd(bytes), { format })).rejects.toThrow(/is, inside its zstd compression, /);
    }
  });

  test('random bytes', async () => {
    const noise = Buffer.from(Array.from({ length: 600 }, (_, at) => (at * at * 31 + at * 7) % 256));
    await expect(readRows(noise, { format: 'txt' })).rejects.toThrow(/is binary data and no text/);
  });

  test.each(['<!DOCTYPE html>\n<html>', '\ufeff\n<!-- x -->\n<HTML lang="en">', '<html>\n<head>'])(
    'an HTML page: %j',
    async (page) => {
      for (const format of ['csv', 'tsv', 'jsonl'] as const) {
        await expect(readRows(page, { format })).rejects.toThrow(
          /is an HTML page and no (CSV|TSV|JSONL), often the error/,
        );
      }
      expect((await readRows(page, { format: 'txt' })).length).toBeGreaterThan(0);
    },
  );

  test('XML', async () => {
    await expect(readRows('<?xml version="1.0"?><Error/>', { format: 'csv' })).rejects.toThrow(/is XML and no CSV/);
  });

  test.each<[Format, string]>([
    ['csv', 'PAR1,text\n1,a\n'],
    ['csv', 'ORC,text\n1,a\n'],
    ['csv', '<b>,text\n1,a\n'],
    ['txt', 'BZh is no bzip2\n'],
    ['txt', '%PDF is a word\n'],
    ['txt', `${'\u001b[31mred\u001b[0m '.repeat(20)}\n`],
    ['txt', `a\0b ${'plain text '.repeat(20)}\n`],
  ])('text that only looks like it is read: %s %j', async (format, text) => {
    expect(
      (await readRows(text, { format, textColumn: format === 'csv' ? 'text' : undefined })).map(brief),
    ).toHaveLength(1);
  });

  test('text in an old encoding is not taken for binary data', async () => {
    const rows = await readRows(Buffer.from('caf\xe9 \xfcber na\xefve\n'.repeat(30), 'latin1'), { format: 'txt' });
    expect(new Set(rows.map(brief))).toEqual(new Set(['[not_utf8]']));
  });
});
