import { expect, test } from 'vitest';
import { createKeyValueCache, type Lineage } from '../../../src/engine/runtime/key-value-cache.ts';
import { createRandom } from '../../support/random.ts';

const SHAPE = { layers: 2, heads: 2, headSize: 2 };
const SIZE = SHAPE.heads * SHAPE.headSize;

test('a lineage leads to what was read along it, whatever is given up on the way', () => {
  const random = createRandom(7);
  const past = createKeyValueCache(SHAPE);
  let made = 0;
  let lineages: readonly Lineage[] = [];
  /** What each lineage should lead to: a number for each token, of which the values are made. */
  let histories: number[][] = [];
  let most = 0;
  for (let step = 0; step < 200; step++) {
    // Hypotheses go on from a few of the last ones: the others are forgotten.
    const count = random.integer(1, 6);
    const from = Array.from({ length: count }, () => random.integer(0, Math.max(0, lineages.length - 1)));
    const read = from.map((slot) => lineages[slot] ?? []);
    const inputs = past.inputs(read);
    const ancestors = [...(inputs.ancestors!.data as BigInt64Array)].map(Number);
    expect(inputs.ancestors!.dims).toEqual([count, step]);
    for (const [p, part] of ['key_0', 'value_0', 'key_1', 'value_1'].entries()) {
      const { data, dims } = inputs[part]!;
      expect(dims).toEqual([data.length / SHAPE.headSize, SHAPE.headSize]);
      const expected = from.flatMap((slot) => histories[slot] ?? []).map((token) => valuesOf(token, p));
      expect(ancestors.map((entry) => [...data.slice(entry * SIZE, (entry + 1) * SIZE)].map(Number))).toEqual(expected);
      most = Math.max(most, data.length / SIZE);
    }
    const tokens = read.map(() => made++);
    lineages = past.add(read, (part) => {
      const p = ['key_0', 'value_0', 'key_1', 'value_1'].indexOf(part);
      return Float32Array.from(tokens.flatMap((token) => valuesOf(token, p)));
    });
    histories = from.map((slot, i) => [...(histories[slot] ?? []), tokens[i]!]);
  }
  // Some 700 were made: what no hypothesis leads to has been given up.
  expect(made).toBeGreaterThan(600);
  expect(most).toBeLessThan(500);
});

function valuesOf(token: number, part: number): number[] {
  return Array.from({ length: SIZE }, (_, i) => token * 100 + part * 10 + i);
}
