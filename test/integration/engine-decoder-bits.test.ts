import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import fc from 'fast-check';
import { afterAll, expect, test } from 'vitest';
import type { Precision } from '../../src/contract/models.ts';
import { bartGenerator } from '../../src/engine/architectures/bart/graph.ts';
import { encoderModel } from '../../src/engine/architectures/generator.ts';
import { readFields } from '../../src/engine/checkpoint/config/fields.ts';
import { identifyCheckpoint } from '../../src/engine/checkpoint/identity.ts';
import { compileCheckpoint } from '../../src/engine/compile/compile.ts';
import { greedyDecoder } from '../../src/engine/compile/greedy-loop.ts';
import { batchInputs } from '../../src/engine/runtime/batches.ts';
import { encodedWidth } from '../../src/engine/runtime/encoded-texts.ts';
import { openSession, type Value } from '../../src/engine/runtime/session.ts';

/*
 * Stricter than comparing tokens: the keys and values that the decoder leaves behind, which every activation of every
 * layer goes into, are compared bit by bit between a row alone and the row in a batch of longer and shorter ones.
 */

const name = 'tiny-bart-scaled';
const folder = join(import.meta.dirname, '../fixtures/checkpoints', name);
const cacheFolder = mkdtempSync(join(tmpdir(), 'detoxq-engine-'));
afterAll(() => rmSync(cacheFolder, { recursive: true }));

const STEPS = 7;

async function openModel(precision: Precision) {
  const config = bartGenerator(readFields(join(folder, 'config.json')));
  const identity = await identifyCheckpoint({ folder, name, precision, cacheFolder });
  // No token ends a row: each runs all its steps.
  const end = { endTokens: [], padToken: 1 };
  const compiled = await compileCheckpoint(
    { folder, cacheFolder, identity, portable: false, weightLimit: 127, options: 'bits' },
    (source) => ({
      'encoder.onnx': encoderModel(source, config),
      'decoder.onnx': greedyDecoder(source, config.decoder(source), end),
    }),
  );
  const encoder = await openSession(join(compiled, 'encoder.onnx'));
  const decoder = await openSession(join(compiled, 'decoder.onnx'));
  const { layers, heads, headSize } = config.shape;
  const parts = Array.from({ length: layers }, (_, layer) => [`key_${layer}`, `value_${layer}`]).flat();

  /** Keys and values of all layers after STEPS steps, one hex string a row. */
  async function cachesOf(rows: readonly (readonly number[])[]): Promise<string[]> {
    const count = rows.length;
    const width = Math.max(...rows.map((row) => encodedWidth(row.length)));
    const mask = new Float32Array(count * width);
    const cross = new Map(parts.map((part) => [part, new Float32Array(count * heads * width * headSize)]));
    for (const [r, tokens] of rows.entries()) {
      mask.fill(-1e9, r * width + tokens.length, (r + 1) * width);
      const { length } = tokens;
      const outputs = await encoder.run(batchInputs({ length, rows: [{ index: 0, tokens }] }));
      for (const [part, target] of cross) {
        const source = outputs.floats(`cross_${part}`);
        for (let head = 0; head < heads; head++) {
          const values = source.subarray(head * length * headSize, (head + 1) * length * headSize);
          target.set(values, (r * heads + head) * width * headSize);
        }
      }
    }
    const inputs: Record<string, Value> = {
      tokens: { type: 'int64', data: new BigInt64Array(count).fill(2n), dims: [count] },
      forced: { type: 'int64', data: new BigInt64Array(STEPS).fill(-1n), dims: [STEPS] },
      stop_alive: { type: 'int64', data: BigInt64Array.of(0n), dims: [] },
      cross_mask: { type: 'float32', data: mask, dims: [count, 1, 1, width] },
    };
    for (const [part, data] of cross) {
      inputs[`cross_${part}`] = { type: 'float32', data, dims: [count, heads, width, headSize] };
      inputs[part] = { type: 'float32', data: new Float32Array(0), dims: [count, heads, 0, headSize] };
    }
    const outputs = await decoder.run(inputs);
    const size = heads * STEPS * headSize;
    return rows.map((_, r) =>
      parts
        .map((part) => outputs.floats(`next_${part}`).slice(r * size, (r + 1) * size))
        .map((values) => Buffer.from(values.buffer).toString('hex'))
        .join(),
    );
  }
  return { cachesOf, close: () => Promise.all([encoder.close(), decoder.close()]) };
}

const row = fc.array(fc.integer({ min: 5, max: 479 }), { minLength: 2, maxLength: 62 });

test.each<Precision>(['int8', 'fp32'])(
  '%s: every activation of a row is bitwise the same in any batch',
  async (precision) => {
    const model = await openModel(precision);
    await fc.assert(
      fc.asyncProperty(fc.array(row, { minLength: 2, maxLength: 8 }), async (rows) => {
        const together = await model.cachesOf(rows);
        for (const [r, each] of rows.entries()) expect((await model.cachesOf([each]))[0] === together[r]).toBe(true);
      }),
      { numRuns: 40 },
    );
    await model.close();
  },
);
