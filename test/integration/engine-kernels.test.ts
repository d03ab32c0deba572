import { describe, expect, test } from 'vitest';
import { createGraph, encodeModel, type Graph } from '../../src/engine/onnx/graph.ts';
import { openSession, type Session, type Value } from '../../src/engine/runtime/session.ts';

/*
 * What the engine builds on (docs/decisions/engine-batch-independence.md), asked of onnxruntime's kernels one by one: a row has
 * the bits that it has alone, whichever rows are beside it. onnxruntime picks kernels by processor. Where one of another
 * processor breaks the promise, the name of the test that fails says which.
 */

const MICROSOFT = { domain: 'com.microsoft' } as const;
const ROWS = [2, 3, 5, 6, 7, 12, 13, 25];

/** Numbers from -3 to 3, the same ones in each run of the tests. */
function numbers(count: number, seed: number): Float32Array {
  let state = seed;
  return Float32Array.from({ length: count }, () => {
    state = (Math.imul(state, 1103515245) + 12345) >>> 0;
    return (state / 2 ** 32) * 6 - 3;
  });
}

function floats(data: Float32Array, ...dims: number[]): Value {
  return { type: 'float32', data, dims };
}

function hex(values: Float32Array): string {
  return Buffer.from(values.slice().buffer).toString('hex');
}

function open(build: (graph: Graph) => string): Promise<Session> {
  const graph = createGraph('kernel');
  graph.input('x', 'f32', ['rows', 'width']);
  graph.output('y', 'f32', ['rows', 'outputs'], build(graph));
  return openSession(encodeModel(graph));
}

/** The counts of rows of which some row has other bits than alone. */
async function countsThatDiffer(session: Session, width: number, counts: readonly number[] = ROWS): Promise<number[]> {
  const run = async (x: Float32Array) => (await session.run({ x: floats(x, x.length / width, width) })).floats('y');
  const differing: number[] = [];
  for (const count of counts) {
    const x = numbers(count * width, count + width);
    const together = await run(x);
    const outputs = together.length / count;
    for (let row = 0; row < count; row++) {
      const alone = await run(x.slice(row * width, (row + 1) * width));
      if (hex(alone) === hex(together.subarray(row * outputs, (row + 1) * outputs))) continue;
      differing.push(count);
      break;
    }
  }
  return differing;
}

/** In a loop's body, with a constant of the graph around it. */
function looped(graph: Graph, width: number, product: (body: Graph) => string): string {
  const body = createGraph('body');
  body.input('iteration', 'i64', []);
  body.input('condition', 'bool', []);
  body.input('before', 'f32', ['rows', width]);
  body.output(body.op('Identity', ['condition']), 'bool', []);
  body.output(product(body), 'f32', ['rows', width]);
  const rows = graph.op('Shape', ['x'], { start: 0, end: 1 });
  const shape = graph.op('Concat', [rows, graph.constant('i64', [width])], { axis: 0 });
  const result = graph.name('result');
  const nothing = graph.op('ConstantOfShape', [shape]);
  graph.ops('Loop', [graph.constant('i64', 1), graph.constant('bool', 1), nothing], [result], { body });
  return result;
}

describe.each(['graph', 'body of a loop'])('a product with a constant matrix in the %s', (place) => {
  test.each([1, 2, 15, 16, 17, 48, 129])('%i outputs', async (outputs) => {
    const differing: Record<string, number[]> = {};
    for (const inputs of [1, 3, 8, 12, 48, 96, 257, 768]) {
      const session = await open((graph) => {
        const matrix = graph.tensor('matrix', [outputs, inputs], numbers(outputs * inputs, 1));
        const product = (where: Graph) => where.op('FusedMatMul', ['x', matrix], { transB: 1 }, MICROSOFT);
        return place === 'graph' ? product(graph) : looped(graph, outputs, product);
      });
      const counts = await countsThatDiffer(session, inputs);
      if (counts.length > 0) differing[`${inputs} inputs`] = counts;
      await session.close();
    }
    expect(differing).toEqual({});
  });
});

describe('a function of each value, wherever it stands in the tensor', () => {
  const FUNCTIONS: Record<string, (graph: Graph) => string> = {
    Gelu: (graph) => graph.op('Gelu', ['x'], {}, MICROSOFT),
    FastGelu: (graph) => graph.op('FastGelu', ['x'], {}, MICROSOFT),
    Relu: (graph) => graph.op('Relu', ['x']),
    Tanh: (graph) => graph.op('Tanh', ['x']),
  };
  test.each(Object.entries(FUNCTIONS))('%s', async (_, build) => {
    const session = await open(build);
    const differing: Record<string, number[]> = {};
    const counts = Array.from({ length: 17 }, (_unused, i) => i + 2);
    // Beyond 4096 values, where onnxruntime begins anew, too.
    for (const width of [1, 2, 3, 4, 7, 8, 12, 16, 24, 31, 32, 40, 48, 64, 96, 1000]) {
      const wrong = await countsThatDiffer(session, width, counts);
      if (wrong.length > 0) differing[`width ${width}`] = wrong;
    }
    expect(differing).toEqual({});
    await session.close();
  });
});

describe('a function of each row', () => {
  const WIDTHS = [1, 2, 4, 8, 12, 16, 17, 32, 48, 63, 96, 480, 768];
  const scale = (graph: Graph, width: number) => graph.tensor('scale', [width], numbers(width, 2));
  const FUNCTIONS: Record<string, (graph: Graph, width: number) => string> = {
    Softmax: (graph) => graph.op('Softmax', ['x'], { axis: 1 }),
    LayerNormalization: (graph, width) =>
      graph.op('LayerNormalization', ['x', scale(graph, width), scale(graph, width)], { axis: -1 }),
    SimplifiedLayerNormalization: (graph, width) =>
      graph.op('SimplifiedLayerNormalization', ['x', scale(graph, width)], { axis: -1 }),
  };
  test.each(Object.entries(FUNCTIONS))('%s', async (_, build) => {
    const differing: Record<string, number[]> = {};
    for (const width of WIDTHS) {
      const session = await open((graph) => build(graph, width));
      const wrong = await countsThatDiffer(session, width);
      if (wrong.length > 0) differing[`width ${width}`] = wrong;
      await session.close();
    }
    expect(differing).toEqual({});
  });
});

describe('places that a longer text of the batch pads', () => {
  const LENGTHS = [1, 2, 3, 4, 5, 8, 13, 16, 31, 47, 60];
  const WIDENED = [0, 4, 8, 16, 28, 48, 52, 100];
  /** The least multiple of four. */
  const roundUp = (length: number) => Math.ceil(length / 4) * 4;

  function open3d(build: (graph: Graph) => string): Promise<Session> {
    const graph = createGraph('kernel');
    graph.input('a', 'f32', ['heads', 'rows', 'inner']);
    graph.input('b', 'f32', ['heads', 'inner', 'columns']);
    graph.output('y', 'f32', ['heads', 'rows', 'columns'], build(graph));
    return openSession(encodeModel(graph));
  }

  test('Softmax gives the weights that it gives without them', async () => {
    const session = await open((graph) => graph.op('Softmax', ['x'], { axis: 1 }));
    for (const length of LENGTHS) {
      const scores = numbers(length, length);
      const weights = async (width: number) => {
        const x = new Float32Array(width).fill(-1e9);
        x.set(scores);
        return (await session.run({ x: floats(x, 1, width) })).floats('y').slice(0, length);
      };
      const alone = hex(await weights(roundUp(length)));
      for (const more of WIDENED) expect(hex(await weights(roundUp(length) + more))).toBe(alone);
    }
    await session.close();
  });

  test('weights times values are what they are without them', async () => {
    const session = await open3d((graph) => graph.op('MatMul', ['a', 'b']));
    for (const size of [8, 12, 16, 64]) {
      for (const length of LENGTHS) {
        const [weights, values] = [numbers(length, length), numbers(length * size, size)];
        const product = async (width: number) => {
          const [a, b] = [new Float32Array(width), new Float32Array(width * size)];
          a.set(weights);
          b.set(values);
          return (await session.run({ a: floats(a, 1, 1, width), b: floats(b, 1, width, size) })).floats('y');
        };
        const alone = hex(await product(roundUp(length)));
        for (const more of WIDENED) expect(hex(await product(roundUp(length) + more))).toBe(alone);
      }
    }
    await session.close();
  });

  test('keys times a query are what they are without them', async () => {
    const session = await open3d((graph) => graph.op('MatMul', ['a', 'b']));
    for (const size of [8, 12, 16, 64]) {
      const query = numbers(size, size);
      for (const length of LENGTHS) {
        const keys = numbers(length * size, length);
        const product = async (width: number) => {
          const a = new Float32Array(width * size);
          a.set(keys);
          const outputs = await session.run({ a: floats(a, 1, width, size), b: floats(query, 1, size, 1) });
          return outputs.floats('y').slice(0, length);
        };
        const alone = hex(await product(roundUp(length)));
        for (const more of WIDENED) expect(hex(await product(roundUp(length) + more))).toBe(alone);
      }
    }
    await session.close();
  });
});
