import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, test } from 'vitest';
import type { Tensors } from '../../src/engine/checkpoint/weights/tensors.ts';
import type { DecoderPlan } from '../../src/engine/compile/decoder-plan.ts';
import { greedyDecoder } from '../../src/engine/compile/greedy-loop.ts';
import { createLayers, type Source } from '../../src/engine/compile/layers.ts';
import { createWeightFile } from '../../src/engine/compile/weight-file.ts';
import { openSession, type Session } from '../../src/engine/runtime/session.ts';

/*
 * Greedy search gives tokens alone, which hide the bits of the logits nearly always: a kernel that gives a row other bits
 * alone than beside others is seen at one token in thousands. Here the logits of all tokens are equal up to rounding, so that
 * their bits decide every token.
 */

const SIZE = 96;
/** More than one slice of the int8 head, and padding in the last. */
const VOCABULARY = 3300;

const scratch = mkdtempSync(join(tmpdir(), 'detoxq-engine-'));
afterAll(() => rmSync(scratch, { recursive: true }));

function numbers(count: number, seed: number): Float32Array {
  let state = seed;
  return Float32Array.from({ length: count }, () => {
    state = (Math.imul(state, 1103515245) + 12345) >>> 0;
    return (state / 2 ** 32) * 2 - 1;
  });
}

/** Each token's row is the same one, but for what fp32 rounds off in a product now and then. */
function nearlyEqualRows(): Float32Array {
  const base = numbers(SIZE, 1);
  return numbers(VOCABULARY * SIZE, 2).map((noise, i) => (base[i % SIZE] ?? 0) * (1 + noise * 1e-7));
}

/** A decoder that is nothing but its head: it reads the hidden values that it is given, the same at each step. */
function headAlone(source: Source): DecoderPlan {
  return {
    shape: { layers: 0, heads: 1, headSize: SIZE },
    sources: [],
    caches: [{ name: 'hidden', dims: ['rows', SIZE] }],
    head: { weight: 'head', size: SIZE, vocabulary: VOCABULARY, bias: null },
    step: ({ root, body, caches: [hidden = ''] }) => ({
      hidden: createLayers(root, body, source).operand(hidden),
      caches: [body.op('Identity', [hidden])],
    }),
  };
}

async function openHead(precision: 'fp32' | 'int8'): Promise<Session> {
  const matrix = nearlyEqualRows();
  const tensors: Tensors = { infos: new Map(), has: () => true, read: () => matrix, close: () => {} };
  const folder = mkdtempSync(join(scratch, `${precision}-`));
  const weights = createWeightFile(folder, 'weights.bin');
  const source: Source = { tensors, weights, precision, portable: false, weightLimit: 127 };
  writeFileSync(join(folder, 'head.onnx'), greedyDecoder(source, headAlone(source), { endTokens: [], padToken: 1 }));
  weights.close();
  return openSession(join(folder, 'head.onnx'));
}

/** The tokens of each row, one for each of `forced`: -1 for the best. */
async function tokensOf(session: Session, hidden: Float32Array, forced: readonly number[]): Promise<string[]> {
  const rows = hidden.length / SIZE;
  const outputs = await session.run({
    tokens: { type: 'int64', data: new BigInt64Array(rows), dims: [rows] },
    forced: { type: 'int64', data: BigInt64Array.from(forced, BigInt), dims: [forced.length] },
    stop_alive: { type: 'int64', data: BigInt64Array.of(0n), dims: [] },
    hidden: { type: 'float32', data: hidden, dims: [rows, SIZE] },
  });
  const generated = outputs.integers('generated');
  return Array.from({ length: rows }, (_, row) => forced.map((_step, i) => generated[i * rows + row]).join(' '));
}

describe.each(['fp32', 'int8'] as const)('%s', (precision) => {
  test('the best token of a row is the same alone and beside any number of others', async () => {
    const session = await openHead(precision);
    for (const rows of [2, 3, 5, 6, 7, 12, 13, 25, 64]) {
      const hidden = numbers(rows * SIZE, rows);
      const together = await tokensOf(session, hidden, [-1]);
      for (const [row, token] of together.entries()) {
        expect(await tokensOf(session, hidden.slice(row * SIZE, (row + 1) * SIZE), [-1])).toEqual([token]);
      }
      // Else the logits are so far apart that this test sees nothing.
      if (precision === 'fp32') expect(new Set(together).size).toBeGreaterThan(1);
    }
    await session.close();
  });

  test('a step that forces a token gives it to every row, and the others give what they give without', async () => {
    const session = await openHead(precision);
    for (const rows of [1, 2, 25]) {
      const hidden = numbers(rows * SIZE, rows);
      const free = await tokensOf(session, hidden, [-1]);
      const mixed = await tokensOf(session, hidden, [5, -1, 7, VOCABULARY - 1, -1]);
      expect(mixed).toEqual(free.map((token) => `5 ${token} 7 ${VOCABULARY - 1} ${token}`));
    }
    await session.close();
  });
});
