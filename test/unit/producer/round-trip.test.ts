import { gzipSync } from 'node:zlib';
import fc from 'fast-check';
import Papa from 'papaparse';
import { describe, expect, test } from 'vitest';
import { allRows, brief, cut, openPieces } from '../../support/datasets.ts';

// Well-formed text with everything that a format must quote, escape or leave alone.
const character = fc.oneof(
  { weight: 3, arbitrary: fc.string({ unit: 'grapheme', minLength: 1, maxLength: 1 }) },
  {
    weight: 2,
    arbitrary: fc.constantFrom('"', ',', ';', '\t', '\n', '\r', '\r\n', ' ', '\ufffd', '\ufeff', '😀', 'é', '|'),
  },
);
const anyText = fc.string({ unit: character, maxLength: 12 });
const lineText = anyText.map((text) => text.replace(/[\r\n\ufeff]/g, ''));
const lengths = fc.array(fc.integer({ min: 1, max: 40 }), { minLength: 1, maxLength: 6 });
const lineEnd = fc.constantFrom('\n', '\r\n');

function quoted(field: string): string {
  return `"${field.replaceAll('"', '""')}"`;
}

async function textsOf(content: string, format: 'csv' | 'tsv' | 'jsonl' | 'txt', pieces: readonly number[]) {
  const dataset = await openPieces(cut(Buffer.from(content), pieces), { format });
  return (await allRows(dataset)).map(brief);
}

describe('what is written is read back, wherever the input is cut', () => {
  for (const [format, delimiter] of [
    ['csv', ','],
    ['tsv', '\t'],
  ] as const) {
    test(`${format}, quoted by us, mixed line ends`, async () => {
      await fc.assert(
        fc.asyncProperty(
          fc.array(fc.tuple(anyText, anyText, lineEnd), { minLength: 1, maxLength: 12 }),
          lengths,
          fc.boolean(),
          async (rows, pieces, lastLineEnd) => {
            const body = rows.map(([text, other, end]) => `${quoted(text)}${delimiter}${quoted(other)}${end}`).join('');
            const content = `text${delimiter}other\n${lastLineEnd ? body : body.replace(/\r?\n$/, '')}`;
            const dataset = await openPieces(cut(Buffer.from(content), pieces), { format, textColumn: 'text' });
            const expected = rows.map(([text, other], rowNo) => ({ rowNo, rowKey: null, text, meta: { other } }));
            expect(await allRows(dataset)).toEqual(expected);
          },
        ),
        { numRuns: 300 },
      );
    });

    test(`${format}, written by papaparse`, async () => {
      await fc.assert(
        fc.asyncProperty(
          fc.array(fc.tuple(anyText, anyText), { minLength: 1, maxLength: 12 }),
          lengths,
          fc.constantFrom('\n', '\r\n', '\r'),
          async (rows, pieces, newline) => {
            const content = Papa.unparse([['text', 'other'], ...rows], { delimiter, newline });
            const dataset = await openPieces(cut(Buffer.from(content), pieces), { format, textColumn: 'text' });
            const read = await allRows(dataset);
            expect(read.map((row) => ('text' in row ? [row.text, row.meta?.other] : row))).toEqual(rows);
          },
        ),
        { numRuns: 300 },
      );
    });
  }

  test('jsonl', async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.array(fc.tuple(anyText, fc.jsonValue({ maxDepth: 3 }), lineEnd), { minLength: 1, maxLength: 12 }),
        lengths,
        async (rows, pieces) => {
          const content = rows.map(([text, extra, end]) => `${JSON.stringify({ text, extra })}${end}`).join('');
          const dataset = await openPieces(cut(Buffer.from(content), pieces), { format: 'jsonl', textColumn: 'text' });
          const expected = rows.map(([text, extra], rowNo) => {
            const value = JSON.parse(JSON.stringify(extra));
            return { rowNo, rowKey: null, text, meta: { extra: value } };
          });
          const read = await allRows(dataset);
          // Numbers of JavaScript that are written as long integers come back as strings, which is tested elsewhere.
          fc.pre(!JSON.stringify(read).includes('"repaired":["number"]'));
          expect(read).toEqual(expected);
        },
      ),
      { numRuns: 300 },
    );
  });

  test('jsonl of bare strings, and with every character escaped', async () => {
    await fc.assert(
      fc.asyncProperty(fc.array(anyText, { minLength: 1, maxLength: 12 }), lengths, async (texts, pieces) => {
        const escaped = texts.map((text) => {
          const codes = Array.from({ length: text.length }, (_, index) => text.charCodeAt(index));
          return `"${codes.map((code) => `\\u${code.toString(16).padStart(4, '0')}`).join('')}"\n`;
        });
        expect(await textsOf(escaped.join(''), 'jsonl', pieces)).toEqual(texts);
      }),
      { numRuns: 200 },
    );
  });

  test('plain text', async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.array(lineText, { minLength: 1, maxLength: 12 }),
        lengths,
        fc.constantFrom('\n', '\r\n', '\r'),
        async (texts, pieces, newline) => {
          expect(await textsOf(texts.map((text) => text + newline).join(''), 'txt', pieces)).toEqual(texts);
        },
      ),
      { numRuns: 300 },
    );
  });

  test('gzip of several members', async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.array(lineText, { minLength: 1, maxLength: 12 }),
        lengths,
        lengths,
        async (texts, members, pieces) => {
          const content = Buffer.from(texts.map((text) => `${text}\n`).join(''));
          const zipped = Buffer.concat(cut(content, members).map((member) => gzipSync(member)));
          const dataset = await openPieces(cut(zipped, pieces), { format: 'txt' });
          expect((await allRows(dataset)).map(brief)).toEqual(texts);
        },
      ),
      { numRuns: 60 },
    );
  });
});

describe('broken input', () => {
  const formats = fc.constantFrom('csv' as const, 'tsv' as const, 'jsonl' as const, 'txt' as const);
  const documents = {
    csv: 'id,text,other\n1,"a, ""b""\nc",x\n2,plain,y\r\n3,"é😀",z\n',
    tsv: 'id\ttext\tother\n1\t"a\tb"\tx\n2\tplain\ty\n3\té😀\tz\n',
    jsonl: '{"id":1,"text":"a \\"b\\"","n":[1,{"k":null}]}\n{"id":2,"text":"\\ud83d\\ude00"}\n{"id":3,"text":"é"}\n',
    txt: 'one\ntwo é😀\r\nthree\n',
  };

  test('never crashes, and its rows are numbered without gaps, however it is cut', async () => {
    await fc.assert(
      fc.asyncProperty(
        formats,
        fc.array(fc.tuple(fc.nat(), fc.uint8Array({ maxLength: 4 }), fc.nat({ max: 6 })), {
          minLength: 1,
          maxLength: 4,
        }),
        lengths,
        async (format, edits, pieces) => {
          let bytes = Buffer.from(documents[format].repeat(3));
          for (const [position, inserted, removed] of edits) {
            const at = position % bytes.length;
            bytes = Buffer.concat([bytes.subarray(0, at), inserted, bytes.subarray(at + removed)]);
          }
          const whole = await outcomeOf([bytes], format);
          const inPieces = await outcomeOf(cut(bytes, pieces), format);
          expect(inPieces.error === null).toBe(whole.error === null);
          // An error among the first rows is found before any row is handed out; how far that sees depends on the pieces.
          const least = whole.error === null ? whole.rows.length : Math.min(whole.rows.length, inPieces.rows.length);
          expect(inPieces.rows.slice(0, least)).toEqual(whole.rows.slice(0, least));
          if (whole.error === null) expect(inPieces.rows).toHaveLength(whole.rows.length);
          expect(whole.rowNos).toEqual(whole.rowNos.map((_, index) => index));
        },
      ),
      { numRuns: 1_000 },
    );
  });

  /** Rows up to the end or the error, and that error, which must be one of ours. */
  async function outcomeOf(pieces: readonly Uint8Array[], format: 'csv' | 'tsv' | 'jsonl' | 'txt') {
    const rows: string[] = [];
    const rowNos: number[] = [];
    try {
      const dataset = await openPieces(pieces, { format, textColumn: format === 'txt' ? undefined : 'text' });
      for await (const batch of dataset.read()) {
        for (const row of batch) {
          rows.push(brief(row));
          rowNos.push(row.rowNo);
        }
      }
      return { rows, rowNos, error: null };
    } catch (error) {
      const name = error instanceof Error ? error.name : String(error);
      expect(['DatasetError', 'UsageError']).toContain(name);
      return { rows, rowNos, error: name };
    }
  }
});
