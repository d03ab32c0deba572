import fc from 'fast-check';
import { expect, test } from 'vitest';
import { batchByLength, batchInputs, paddedLength } from '../../src/engine/batches.ts';

const WINDOW = 62;
const rows = fc
  .array(fc.array(fc.integer({ min: 0, max: 99 }), { minLength: 1, maxLength: WINDOW }), { maxLength: 40 })
  .map((all) => all.map((tokens, index) => ({ index, tokens })));

test('every row is in one batch, at the length that follows from the row alone, within the limit', () => {
  fc.assert(
    fc.property(rows, fc.integer({ min: 1, max: 300 }), (all, limit) => {
      const batches = batchByLength(all, WINDOW, limit);
      const seen = batches.flatMap((batch) => batch.rows.map((row) => row.index));
      expect(seen.toSorted((a, b) => a - b)).toEqual(all.map((row) => row.index));
      for (const batch of batches) {
        for (const row of batch.rows) expect(batch.length).toBe(paddedLength(row.tokens.length, WINDOW));
        expect(batch.rows.length === 1 || batch.rows.length * batch.length <= limit).toBe(true);
      }
    }),
  );
});

test('padded lengths are multiples of four, or the whole window', () => {
  expect([1, 3, 4, 5, 60, 61, 62].map((tokens) => paddedLength(tokens, WINDOW))).toEqual([4, 4, 4, 8, 60, 62, 62]);
});

test('inputs are padded on the right, and the mask tells padding from tokens', () => {
  const { tokens, mask } = batchInputs(
    {
      length: 4,
      rows: [
        { index: 0, tokens: [0, 7, 2] },
        { index: 1, tokens: [0, 5, 6, 2] },
      ],
    },
    1,
  );
  expect(tokens).toEqual({ type: 'int64', data: BigInt64Array.of(0n, 7n, 2n, 1n, 0n, 5n, 6n, 2n), dims: [2, 4] });
  expect(mask).toEqual({ type: 'int32', data: Int32Array.of(1, 1, 1, 0, 1, 1, 1, 1), dims: [2, 4] });
});
