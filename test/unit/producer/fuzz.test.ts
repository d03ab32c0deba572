import { gzipSync, zstdCompressSync } from 'node:zlib';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { DetoxqError } from '../../../src/contract/errors.ts';
import type { ChunkRow } from '../../../src/contract/row.ts';
import type { Format } from '../../../src/producer/format.ts';
import { allRows, cut, openPieces } from '../../support/datasets.ts';

/** `npm run test:fuzz` takes 10,000 for each reader. */
const RUNS = Number(process.env.FUZZ_RUNS ?? 300);
const MAX_TEXT_BYTES = 4_096;

/** A byte string changed in a few places: the ways in which files go bad. */
const mutation = fc.oneof(
  fc.record({ kind: fc.constant('set' as const), at: fc.nat(), byte: fc.nat(255) }),
  fc.record({ kind: fc.constant('cut' as const), at: fc.nat(), length: fc.nat(40) }),
  fc.record({ kind: fc.constant('end' as const), at: fc.nat() }),
  fc.record({ kind: fc.constant('repeat' as const), at: fc.nat(), length: fc.nat(200), times: fc.nat(3) }),
  fc.record({
    kind: fc.constant('insert' as const),
    at: fc.nat(),
    bytes: fc.constantFrom('"', '""', '\n', '\r', '\r\n', ',', '\t', '\0', '\ufeff', '\\', '{', '\\ud800', '\xff'),
  }),
);
type Mutation = typeof mutation extends fc.Arbitrary<infer T> ? T : never;

function mutate(bytes: Buffer, mutations: readonly Mutation[]): Buffer {
  let result = bytes;
  for (const change of mutations) {
    const at = change.at % (result.length + 1);
    const [before, after] = [result.subarray(0, at), result.subarray(at)];
    if (change.kind === 'set') result = Buffer.concat([before, Buffer.of(change.byte), after.subarray(1)]);
    if (change.kind === 'cut') result = Buffer.concat([before, after.subarray(change.length)]);
    if (change.kind === 'end') result = before;
    if (change.kind === 'insert') result = Buffer.concat([before, Buffer.from(change.bytes, 'latin1'), after]);
    if (change.kind === 'repeat') {
      const piece = after.subarray(0, change.length);
      result = Buffer.concat([before, ...Array.from({ length: change.times }, () => piece), after]);
    }
  }
  return result;
}

const text = fc.oneof(
  fc.string({ unit: 'grapheme', maxLength: 40 }),
  fc.string({ unit: 'binary', maxLength: 40 }),
  fc.constantFrom('=1+1', '"', '\u202e', '\ud83d', 'a\r\nb', '\u0000', ' ', '{"text":', 'é'.repeat(3_000)),
);
const quoted = (value: string) => `"${value.replaceAll('"', '""')}"`;
const encode: Record<Format, (texts: readonly string[]) => string> = {
  csv: (texts) => `id,text\n${texts.map((value, index) => `${index},${quoted(value)}\n`).join('')}`,
  tsv: (texts) => `id\ttext\n${texts.map((value, index) => `${index}\t${quoted(value)}\n`).join('')}`,
  jsonl: (texts) => texts.map((value, id) => `${JSON.stringify({ id, text: value })}\n`).join(''),
  txt: (texts) => texts.map((value) => `${value}\n`).join(''),
};

/** Rows, or the error that said on purpose that the file is bad. */
async function read(
  bytes: Buffer,
  format: Format,
  lengths: readonly number[],
  textColumn?: string,
): Promise<ChunkRow[] | DetoxqError> {
  try {
    return await allRows(await openPieces(cut(bytes, lengths), { format, textColumn, maxTextBytes: MAX_TEXT_BYTES }));
  } catch (error) {
    if (error instanceof DetoxqError) return error;
    throw error;
  }
}

/** What the ledger and Postgres rely on, whatever came in. */
function requireSound(rows: readonly ChunkRow[]): void {
  expect(rows.map(({ rowNo }) => rowNo)).toEqual(rows.map((_, index) => index));
  for (const row of rows) {
    if ('fault' in row) continue;
    expect(Buffer.byteLength(row.text)).toBeLessThanOrEqual(MAX_TEXT_BYTES);
    // Escaped by JSON.stringify; a backslash of the text itself comes twice.
    expect(JSON.stringify(row).replaceAll('\\\\', '')).not.toMatch(/\\u0000|\\ud[89a-f]/);
  }
}

/** Lines by another way than the reader's: the whole file at once, with a regular expression. */
function countLines(bytes: Buffer, skipBlank: boolean): number {
  const decoded = bytes.toString('utf8').replace(/^\ufeff/, '');
  const firstEnd = /\r\n|\r|\n/.exec(decoded)?.[0];
  const lines = decoded.split(firstEnd === '\r' ? /\r\n|\r|\n/ : /\r?\n/);
  if (lines.at(-1) === '') lines.pop();
  return skipBlank ? lines.filter((line) => line.trim() !== '').length : lines.length;
}

const inputs = {
  texts: fc.array(text, { minLength: 1, maxLength: 12 }),
  mutations: fc.array(mutation, { maxLength: 4 }),
  lengths: fc.array(fc.integer({ min: 1, max: 300 }), { minLength: 1, maxLength: 5 }),
};

describe.each(['csv', 'tsv', 'jsonl', 'txt'] as const)('%s that went bad', (format) => {
  test('is read to its end or refused on purpose, in the same way in whatever pieces it comes', {
    timeout: 60_000 + RUNS * 20,
  }, async () => {
    await fc.assert(
      fc.asyncProperty(fc.record(inputs), async ({ texts, mutations, lengths }) => {
        const bytes = mutate(Buffer.from(encode[format](texts)), mutations);
        const rows = await read(bytes, format, lengths);
        const whole = await read(bytes, format, [bytes.length]);
        if (rows instanceof DetoxqError || whole instanceof DetoxqError) {
          expect(rows).toBeInstanceOf(DetoxqError);
          expect(whole).toBeInstanceOf(DetoxqError);
          return;
        }
        expect(rows).toEqual(whole);
        requireSound(rows);
        if (format === 'txt' || format === 'jsonl') expect(rows.length).toBe(countLines(bytes, format === 'jsonl'));
      }),
      { numRuns: RUNS },
    );
  });

  test.runIf(format === 'csv' || format === 'tsv' || format === 'jsonl')(
    'has one row a record while it is whole',
    async () => {
      await fc.assert(
        fc.asyncProperty(inputs.texts, inputs.lengths, async (texts, lengths) => {
          const rows = await read(Buffer.from(encode[format](texts)), format, lengths, 'text');
          if (rows instanceof DetoxqError) throw rows;
          expect(rows.length).toBe(texts.length);
        }),
        { numRuns: RUNS },
      );
    },
  );
});

describe.each([
  ['gzip', gzipSync],
  ['zstd', zstdCompressSync],
] as const)('%s that went bad', (_, compress) => {
  test('is never read as less than it was without an error', { timeout: 60_000 + RUNS * 20 }, async () => {
    await fc.assert(
      fc.asyncProperty(fc.record(inputs), async ({ texts, mutations, lengths }) => {
        const whole = Buffer.from(encode.jsonl(texts));
        const packed = Buffer.from(compress(whole));
        const bytes = mutate(packed, mutations);
        const rows = await read(bytes, 'jsonl', lengths);
        if (rows instanceof DetoxqError) return;
        requireSound(rows);
        // Bytes that are still a compressed file of the same content, or none at all any more.
        if (bytes.equals(packed)) expect(rows.length).toBe(texts.length);
        if (bytes.length < packed.length && packed.subarray(0, bytes.length).equals(bytes) && bytes.length >= 8) {
          throw new Error(`${bytes.length} of ${packed.length} bytes were taken for the whole`);
        }
      }),
      { numRuns: RUNS },
    );
  });
});
