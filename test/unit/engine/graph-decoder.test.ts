import { expect, test } from 'vitest';
import { createGraphDecoder } from '../../../src/engine/runtime/graph-decoder.ts';
import type { Session, Value } from '../../../src/engine/runtime/session.ts';

const SHAPE = { layers: 1, heads: 1, headSize: 2 };

/** Gives zeros, as many as the graph would give for the rows of `tokens`. */
function zeros(perRow: (name: string) => number, calls: Readonly<Record<string, Value>>[] = []): Session {
  return {
    async run(inputs) {
      calls.push(inputs);
      const rows = inputs.tokens!.dims[0]!;
      return {
        floats: (name) => new Float32Array(rows * perRow(name)),
        integers: (name) => new BigInt64Array(rows * perRow(name)),
      };
    },
    close: async () => {},
  };
}

test('hypotheses of a text that are equal so far are computed once', async () => {
  const calls: Readonly<Record<string, Value>>[] = [];
  const decoder = createGraphDecoder({
    encoder: zeros(() => 4 * SHAPE.headSize),
    step: zeros((name) => (name.startsWith('new_') ? SHAPE.headSize : 1), calls),
    shape: SHAPE,
    maxBatchTokens: 256,
    decoderOnly: false,
  });
  const sources = [1, 2].map((token, index) => ({ index, tokens: [token, token, token, token] }));
  const decoding = await decoder.open(sources, 3);
  const step = (tokens: number[], adjusted: number[][] = tokens.map(() => []), order: number[] | null = null) =>
    decoding.step({ tokens, adjusted, top: 1 }, order);
  const integers = (name: string) => [...(calls.at(-1)![name]!.data as BigInt64Array)].map(Number);
  /** Token of each slot, and where what it read before lies. */
  const slots = () => {
    const [count = 0, past = 0] = calls.at(-1)!.ancestors!.dims;
    const ancestors = integers('ancestors');
    const rows = Array.from({ length: count }, (_, row) => ancestors.slice(row * past, (row + 1) * past));
    return { tokens: integers('tokens'), ancestors: rows };
  };

  await step([9, 9, 9, 9, 9, 9]);
  expect(slots()).toEqual({ tokens: [9, 9], ancestors: [[], []] });
  // Still equal: what both of a text continue is one.
  await step([7, 7, 7, 8, 8, 8]);
  expect(slots()).toEqual({ tokens: [7, 8], ancestors: [[0], [1]] });
  // The second text's third goes another way; the first text's second slot is there for the rectangle only.
  await step([7, 7, 7, 8, 8, 6]);
  expect(slots()).toEqual({
    tokens: [7, 7, 8, 6],
    ancestors: [
      [0, 2],
      [0, 2],
      [1, 3],
      [1, 3],
    ],
  });
  // Another past or another question is enough to be computed apart.
  const scores = await step([5, 5, 5, 5, 5, 5], [[], [4], [], [], [], []]);
  expect(slots()).toEqual({
    tokens: [5, 5, 5, 5],
    ancestors: [
      [0, 2, 4],
      [0, 2, 4],
      [1, 3, 6],
      [1, 3, 7],
    ],
  });
  expect(scores.topTokens).toHaveLength(6);
  // Beams that continue the same one with the same token are one again.
  await step([5, 5, 5], undefined, [0, 2, 5]);
  expect(slots()).toEqual({
    tokens: [5, 5],
    ancestors: [
      [0, 2, 4, 8],
      [1, 3, 7, 11],
    ],
  });
});
