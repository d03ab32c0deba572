import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import fc from 'fast-check';
import { afterAll, expect, test } from 'vitest';
import { greedyToken } from '../../src/engine/compile/greedy-token.ts';
import { createLayers, type Source } from '../../src/engine/compile/layers.ts';
import { quantizeMatrix } from '../../src/engine/compile/quantize.ts';
import { createWeightFile } from '../../src/engine/compile/weight-file.ts';
import { int8WeightLimit } from '../../src/engine/machine/int8-limit.ts';
import { createGraph, encodeModel, type Graph } from '../../src/engine/onnx/graph.ts';
import { openSession } from '../../src/engine/runtime/session.ts';

/* The int8 layers, run by onnxruntime, against the same arithmetic written out in JavaScript. */

const folder = mkdtempSync(join(tmpdir(), 'detoxq-int8-'));
afterAll(() => rmSync(folder, { recursive: true }));
const weightLimit = await int8WeightLimit();

let serial = 0;

/** Builds a graph over given tensors and runs it on `rows` [count, inputs]. */
async function run(
  tensors: Readonly<Record<string, Float32Array>>,
  [count, inputs]: readonly [number, number],
  rows: Float32Array,
  build: (graph: Graph, source: Source) => { readonly type: 'f32' | 'i64'; readonly value: string },
) {
  const name = `model-${serial++}`;
  const weights = createWeightFile(folder, `${name}.bin`);
  const source: Source = {
    weights,
    portable: false,
    weightLimit,
    precision: 'int8',
    tensors: { infos: new Map(), has: (key) => key in tensors, read: (key) => tensors[key]!, close: () => {} },
  };
  const graph = createGraph('test');
  graph.input('x', 'f32', ['rows', inputs]);
  const { type, value } = build(graph, source);
  graph.op('Identity', [value], {}, { outputs: ['y'] });
  graph.output('y', type, type === 'f32' ? ['rows', 'outputs'] : ['rows']);
  weights.close();
  writeFileSync(join(folder, `${name}.onnx`), encodeModel(graph));
  const session = await openSession(join(folder, `${name}.onnx`));
  const outputs = await session.run({ x: { type: 'float32', data: rows, dims: [count, inputs] } });
  await session.close();
  return outputs;
}

/** Rows in 8 bits with a scale each, as the graph makes them. */
function quantizeRow(row: readonly number[], lowerBound?: number): { values: number[]; scale: number } {
  const low = lowerBound ?? Math.min(...row);
  const scale = Math.fround(Math.max(Math.max(...row) / 127, -low / 127, 1e-12));
  return { scale, values: row.map((value) => Math.max(-128, Math.min(127, Math.round(value / scale)))) };
}

const size = fc.integer({ min: 1, max: 70 });
const value = fc.float({ min: -8, max: 8, noNaN: true, noDefaultInfinity: true });
const problem = fc.tuple(fc.integer({ min: 1, max: 9 }), size, size).chain(([count, inputs, outputs]) =>
  fc.record({
    count: fc.constant(count),
    inputs: fc.constant(inputs),
    outputs: fc.constant(outputs),
    rows: fc.array(value, { minLength: count * inputs, maxLength: count * inputs }),
    weight: fc.array(value, { minLength: inputs * outputs, maxLength: inputs * outputs }),
    bias: fc.array(value, { minLength: outputs, maxLength: outputs }),
  }),
);

test('a linear layer of any size is the integer product of its quantized operands, scaled', async () => {
  await fc.assert(
    fc.asyncProperty(
      problem,
      fc.constantFrom(1, 0.125, 0.3),
      async ({ count, inputs, outputs, rows, weight, bias }, multiplier) => {
        const tensors = { 'w.weight': Float32Array.from(weight), 'w.bias': Float32Array.from(bias) };
        const result = await run(tensors, [count, inputs], Float32Array.from(rows), (graph, source) => {
          const layers = createLayers(graph, graph, source);
          return { type: 'f32', value: layers.linear(layers.operand('x'), 'w', inputs, outputs, { multiplier }) };
        });
        const matrix = quantizeMatrix(tensors['w.weight'], outputs, inputs, weightLimit);
        const actual = result.floats('y');
        for (let r = 0; r < count; r++) {
          const row = quantizeRow([...Float32Array.from(rows.slice(r * inputs, (r + 1) * inputs))]);
          for (let n = 0; n < outputs; n++) {
            const sum = row.values.reduce((total, x, k) => total + x * matrix.values[k * outputs + n]!, 0);
            const step = row.scale * matrix.scales[n]! * multiplier;
            // One input may round the other way: half a step is decided by the last bit of a division.
            const tolerance = step * 130 + 1e-5 * (Math.abs(sum * step) + Math.abs(bias[n]!) + 1e-6);
            expect(Math.abs(actual[r * outputs + n]! - (sum * step + Math.fround(bias[n]!) * multiplier))).toBeLessThan(
              tolerance,
            );
          }
        }
      },
    ),
    { numRuns: 60 },
  );
});

test('after a GELU its lower bound stands for the smallest value', async () => {
  const rows = Float32Array.from([-0.17, 0.02, 0.05, -0.1, 0, 0, 0, 0]);
  const tensors = { 'w.weight': Float32Array.from([1, 0, 0, 0]), 'w.bias': Float32Array.of(0) };
  const result = await run(tensors, [2, 4], rows, (graph, source) => {
    const layers = createLayers(graph, graph, source);
    const operand = layers.operand('x', { lowerBound: -0.17 });
    return { type: 'f32', value: layers.linear(operand, 'w', 4, 1) };
  });
  expect(result.floats('y')[0]).toBeCloseTo(-0.17, 3);
  expect(result.floats('y')[1]).toBe(0);
});

test('the head picks the best token of any vocabulary, the first one of equals, with and without a bias', async () => {
  const cases = fc.record({
    // Below and above a block of 64 columns, and above one slice of 3200.
    vocabulary: fc.oneof(fc.integer({ min: 1, max: 200 }), fc.integer({ min: 3100, max: 6700 })),
    seed: fc.integer({ min: 1, max: 1e6 }),
    biased: fc.boolean(),
  });
  await fc.assert(
    fc.asyncProperty(cases, async ({ vocabulary, seed, biased }) => {
      const inputs = 16;
      const count = 5;
      let state = seed;
      // Few different values, so that equal logits are common.
      const next = () => {
        state = (state * 48271) % 2147483647;
        return [-3, -1, 0, 1, 3][state % 5]!;
      };
      const weight = Float32Array.from({ length: vocabulary * inputs }, next);
      const rows = Float32Array.from({ length: count * inputs }, next);
      const bias = biased ? Float32Array.from({ length: vocabulary }, next) : null;
      // Exact in int8: every row and column has the largest magnitude, so the scales are the same everywhere.
      for (let n = 0; n < vocabulary; n++) weight[n * inputs] = 3;
      for (let r = 0; r < count; r++) rows[r * inputs] = 3;
      const result = await run({ head: weight }, [count, inputs], rows, (graph, source) => {
        const operand = createLayers(graph, graph, source).operand('x');
        const shape = { weight: 'head', size: inputs, vocabulary, bias };
        return { type: 'i64', value: greedyToken(graph, graph, source, operand, shape) };
      });
      for (let r = 0; r < count; r++) {
        const logits = Array.from({ length: vocabulary }, (_, n) => {
          const quantized = (v: number, limit: number) => Math.round((v * limit) / 3);
          let sum = 0;
          for (let k = 0; k < inputs; k++) {
            sum += quantized(rows[r * inputs + k]!, 127) * quantized(weight[n * inputs + k]!, weightLimit);
          }
          return sum * (3 / 127) * (3 / weightLimit) + (bias?.[n] ?? 0);
        });
        const chosen = Number(result.integers('y')[r]);
        expect(chosen).toBeLessThan(vocabulary);
        const best = Math.max(...logits);
        expect(logits[chosen]).toBeCloseTo(best, 3);
        if (!biased) expect(chosen).toBe(logits.indexOf(best));
      }
    }),
    { numRuns: 40 },
  );
});
