import fc from 'fast-check';
import { expect, test } from 'vitest';
import { quantizeMatrix, sliceColumns } from '../../../src/engine/compile/quantize.ts';

const matrix = fc
  .tuple(fc.integer({ min: 1, max: 80 }), fc.integer({ min: 1, max: 80 }), fc.constantFrom(127, 63))
  .chain(([outputs, inputs, limit]) =>
    fc.record({
      outputs: fc.constant(outputs),
      inputs: fc.constant(inputs),
      limit: fc.constant(limit),
      weight: fc
        .array(fc.float({ min: -4, max: 4, noNaN: true }), { minLength: outputs * inputs, maxLength: outputs * inputs })
        .map((values) => Float32Array.from(values)),
    }),
  );

test('each weight is within half a step of its fp32 value, and the largest of each output uses the whole range', () => {
  fc.assert(
    fc.property(matrix, ({ outputs, inputs, limit, weight }) => {
      const { values, scales } = quantizeMatrix(weight, outputs, inputs, limit);
      for (let n = 0; n < outputs; n++) {
        let largest = 0;
        for (let k = 0; k < inputs; k++) {
          const value = values[k * outputs + n]!;
          const error = Math.abs(value * scales[n]! - weight[n * inputs + k]!);
          expect(error).toBeLessThanOrEqual(scales[n]! * 0.5001 + 2 ** -100);
          largest = Math.max(largest, Math.abs(value));
        }
        if (scales[n]! > 0) expect(largest).toBe(limit);
      }
    }),
    { numRuns: 30 },
  );
});

test('an output whose weights are all zero stays zero', () => {
  const { values, scales } = quantizeMatrix(new Float32Array(6), 2, 3, 127);
  expect([...values, ...scales]).toEqual(new Array(8).fill(0));
});

test('slices hold their columns, and zeros up to their width', () => {
  const weight = Float32Array.from([1, 2, 11, 20, -1.1, -2]);
  const slice = sliceColumns(quantizeMatrix(weight, 3, 2, 127), 2, { first: 1, last: 3, width: 4 });
  expect([...slice.values]).toEqual([70, -70, 0, 0, 127, -127, 0, 0]);
  expect([...slice.scales]).toEqual([20 / 127, 2 / 127, 1, 1].map(Math.fround));
});
