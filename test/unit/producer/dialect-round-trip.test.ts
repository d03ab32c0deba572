import fc from 'fast-check';
import iconv from 'iconv-lite';
import { describe, expect, test } from 'vitest';
import { DetoxqError } from '../../../src/contract/errors.ts';
import type { ChunkRow } from '../../../src/contract/row.ts';
import type { DatasetOptions } from '../../../src/producer/dataset.ts';
import { ENCODINGS, type Encoding, isLong, isPair } from '../../../src/producer/encoding.ts';
import { allRows, brief, cut, openPieces } from '../../support/datasets.ts';

/** `npm run test:fuzz` takes 10,000. */
const RUNS = Number(process.env.FUZZ_RUNS ?? 300);

const PAIRS = { shift_jis: 'cp932', 'euc-kr': 'cp949', big5: 'cp950', 'big5-hkscs': 'big5hkscs' } as const;

/** Bytes of characters, by what the platform or iconv-lite reads from each byte or pair of bytes. */
const encoders = new Map<Encoding, ReadonlyMap<string, Buffer>>();

/** No character, one for private use, and the filler, which makes a syllable of letters after it. */
const UNUSABLE = /[\ufffd\x80-\x9f\ue000-\uf8ff\u3164]/;

function charactersOf(encoding: Encoding): ReadonlyMap<string, Buffer> {
  const known = encoders.get(encoding);
  if (known !== undefined) return known;
  const characters = new Map<string, Buffer>();
  const add = (bytes: Buffer) => {
    const text = isPair(encoding) ? iconv.decode(bytes, PAIRS[encoding]) : new TextDecoder(encoding).decode(bytes);
    if ([...text].length === 1 && !UNUSABLE.test(text) && !characters.has(text)) characters.set(text, bytes);
  };
  for (let byte = 0; byte <= 0xff; byte++) add(Buffer.of(byte));
  if (isLong(encoding) || isPair(encoding)) {
    for (let lead = 0x81; lead < 0xff; lead += 5)
      for (let next = 0x40; next < 0xff; next += 3) add(Buffer.of(lead, next));
  }
  encoders.set(encoding, characters);
  return characters;
}

function encode(text: string, encoding: Encoding): Buffer {
  if (encoding === 'utf-8') return Buffer.from(text);
  if (encoding === 'utf-16') return Buffer.from(`\ufeff${text}`, 'utf16le');
  if (encoding === 'utf-16le') return Buffer.from(text, 'utf16le');
  if (encoding === 'utf-16be') return Buffer.from(text, 'utf16le').swap16();
  if (encoding === 'iso-8859-1') return Buffer.from(text, 'latin1');
  const characters = charactersOf(encoding);
  return Buffer.concat([...text].map((character) => characters.get(character)!));
}

const ANYTHING = [
  'a',
  ' ',
  'é',
  'ß',
  'Ж',
  '日',
  '😀',
  '"',
  "'",
  '\\',
  ',',
  ';',
  '\t',
  '|',
  '\n',
  '\r',
  '\r\n',
  '€',
  '\ufffd',
];
const SHARED = ['a', 'B', ' ', '"', "'", '\\', ',', ';', '\t', '|', '\n', '\r', '\r\n', '0', '\x7f'];

/** Characters that the encoding has, many of them such as must be quoted or escaped. */
function characterOf(encoding: Encoding): fc.Arbitrary<string> {
  if (encoding.startsWith('utf')) return fc.constantFrom(...ANYTHING);
  if (encoding === 'iso-8859-1') return fc.constantFrom(...SHARED, 'é', 'ÿ', '¤');
  const others = [...charactersOf(encoding).keys()].filter((character) => character >= '\xa0');
  return fc.oneof(fc.constantFrom(...SHARED), fc.constantFrom(...others));
}

interface Table {
  readonly options: DatasetOptions;
  readonly delimiter: string;
  readonly lineEnd: string;
  readonly rows: readonly (readonly [string, string])[];
}

const table: fc.Arbitrary<Table> = fc
  .record({
    encoding: fc.constantFrom(...ENCODINGS),
    delimiter: fc.constantFrom(',', ';', '\t', '|', '\x01', ' ', '¦', '😀'),
    quote: fc.constantFrom('"', "'", 'none'),
    escape: fc.constantFrom(undefined, '\\', '~'),
    skipLines: fc.constantFrom(undefined, 0, 1, 3),
    lineEnd: fc.constantFrom('\n', '\r\n', '\r', '\r\r\n'),
    named: fc.boolean(),
  })
  .chain(({ encoding, delimiter, quote, escape: mark, skipLines, lineEnd, named }) => {
    const isUnicode = encoding.startsWith('utf');
    const usable = isUnicode || delimiter.charCodeAt(0) < 0x80 ? delimiter : ';';
    const isGuessed = !named && [',', ';', '\t', '|'].includes(usable) && quote === '"' && mark === undefined;
    const text = fc.string({ unit: characterOf(encoding), maxLength: 10 });
    // What nothing can quote or escape.
    const plain = (value: string) => {
      if (quote !== 'none') return value;
      // An escaped CR before a line end is an escaped line end.
      return mark === undefined ? value.replaceAll(/[\r\n]/g, '').replaceAll(usable, '') : value.replace(/\r+$/, '');
    };
    return fc.array(fc.tuple(text.map(plain), text.map(plain)), { minLength: 1, maxLength: 8 }).map((rows) => ({
      options: {
        format: 'csv' as const,
        encoding,
        delimiter: isGuessed ? undefined : usable,
        quote: quote === '"' ? undefined : quote,
        escape: mark,
        skipLines,
      },
      delimiter: usable,
      lineEnd,
      rows,
    }));
  });

/** The table as a careful writer writes it. */
function write({ options, delimiter, lineEnd, rows }: Table): Buffer {
  const { quote = '"', escape: mark, encoding = 'utf-8', skipLines = 0 } = options;
  const field = (value: string): string => {
    if (quote !== 'none') {
      const inner = mark === undefined ? value : value.replaceAll(mark, mark + mark);
      return quote + inner.replaceAll(quote, (mark ?? quote) + quote) + quote;
    }
    if (mark === undefined) return value;
    const escaped = value.replaceAll(mark, mark + mark).replaceAll(delimiter, mark + delimiter);
    const ends = lineEnd === '\r' ? /\r\n|\n|\r/g : /\r+\n|\n|\r/g;
    return escaped.replaceAll(ends, (end) => mark + end);
  };
  const preamble = `made "by us, 'today'${lineEnd}`.repeat(skipLines);
  const lines = [`text${delimiter}other`, ...rows.map((row) => row.map(field).join(delimiter))];
  return encode(preamble + lines.map((line) => line + lineEnd).join(''), encoding);
}

const lengths = fc.array(fc.integer({ min: 1, max: 40 }), { minLength: 1, maxLength: 6 });

/** Rows, or the error that said on purpose that the file is bad. */
async function read(
  bytes: Buffer,
  options: DatasetOptions,
  pieces: readonly number[],
): Promise<ChunkRow[] | DetoxqError> {
  try {
    return await allRows(await openPieces(cut(bytes, pieces), { ...options, textColumn: 'text', maxTextBytes: 4_096 }));
  } catch (error) {
    if (error instanceof DetoxqError) return error;
    throw error;
  }
}

describe('a table in any dialect and encoding', () => {
  test('is read back cell by cell, wherever it is cut', { timeout: 60_000 + RUNS * 20 }, async () => {
    await fc.assert(
      fc.asyncProperty(table, lengths, async (made, pieces) => {
        const rows = await read(write(made), made.options, pieces);
        if (rows instanceof DetoxqError) throw rows;
        expect(rows.map((row) => ('text' in row ? [row.text, row.meta?.other] : brief(row)))).toEqual(made.rows);
      }),
      { numRuns: RUNS },
    );
  });

  test('that went bad is read to its end or refused on purpose, alike in whatever pieces it comes', {
    timeout: 60_000 + RUNS * 20,
  }, async () => {
    const change = fc.record({ at: fc.nat(), bytes: fc.uint8Array({ maxLength: 4 }), removed: fc.nat({ max: 4 }) });
    await fc.assert(
      fc.asyncProperty(
        table,
        fc.array(change, { minLength: 1, maxLength: 3 }),
        lengths,
        async (made, changes, pieces) => {
          let bytes = write(made);
          for (const { at, bytes: inserted, removed } of changes) {
            const place = at % bytes.length;
            bytes = Buffer.concat([bytes.subarray(0, place), inserted, bytes.subarray(place + removed)]);
          }
          const whole = await read(bytes, made.options, [bytes.length]);
          const cutUp = await read(bytes, made.options, pieces);
          if (whole instanceof DetoxqError || cutUp instanceof DetoxqError) {
            expect(cutUp).toBeInstanceOf(DetoxqError);
            expect(whole).toBeInstanceOf(DetoxqError);
            return;
          }
          expect(cutUp).toEqual(whole);
          expect(whole.map(({ rowNo }) => rowNo)).toEqual(whole.map((_, at) => at));
          expect(JSON.stringify(whole).replaceAll('\\\\', '')).not.toMatch(/\\u0000|\\ud[89a-f]/);
        },
      ),
      { numRuns: RUNS },
    );
  });
});
