import fc from 'fast-check';
import { expect, test } from 'vitest';
import { batchByLength, batchInputs } from '../../../src/engine/runtime/batches.ts';
import { encodedWidth } from '../../../src/engine/runtime/encoded-texts.ts';

const rows = fc
  .array(fc.array(fc.integer({ min: 0, max: 99 }), { maxLength: 62 }), { maxLength: 40 })
  .map((all) => all.map((tokens, index) => ({ index, tokens })));

test('every row is in one batch, with rows of its own length, within the limit', () => {
  fc.assert(
    fc.property(rows, fc.integer({ min: 1, max: 300 }), (all, limit) => {
      const batches = batchByLength(all, limit);
      const seen = batches.flatMap((batch) => batch.rows.map((row) => row.index));
      expect(seen.toSorted((a, b) => a - b)).toEqual(all.map((row) => row.index));
      for (const batch of batches) {
        for (const row of batch.rows) expect(row.tokens).toHaveLength(batch.length);
        expect(batch.rows.length === 1 || batch.rows.length * batch.length <= limit).toBe(true);
      }
    }),
  );
});

test('sources are multiples of four wide', () => {
  expect([0, 1, 3, 4, 5, 60, 61].map(encodedWidth)).toEqual([4, 4, 4, 4, 8, 60, 64]);
});

test('inputs are the rows of a batch, one after the other', () => {
  const { tokens } = batchInputs({
    length: 3,
    rows: [
      { index: 0, tokens: [0, 7, 2] },
      { index: 1, tokens: [0, 5, 2] },
    ],
  });
  expect(tokens).toEqual({ type: 'int64', data: BigInt64Array.of(0n, 7n, 2n, 0n, 5n, 2n), dims: [2, 3] });
});
