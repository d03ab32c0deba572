import type { Int8Form, MachineFacts, ProductRate } from '../../contract/machine.ts';
import { createGraph, encodeModel } from '../onnx/graph.ts';
import { openSession, runtimeFacts, type Session } from '../runtime/session.ts';
import { int8WeightLimit } from './int8-limit.ts';
import { readProcessor } from './processor.ts';

/** Feed-forward layer of a base-size model. Most of the work of an encoder and of a decoder is of this kind. */
const INPUTS = 768;
const OUTPUTS = 3072;
/** Rows of a decoder that is nearly empty, of a full decoder, and tokens of an encoder's batch. */
const ROWS = [16, 128, 256];
/** Of each product: a rate within a few percent. */
const MEASURE_MS = 60;
const LEAST_RUNS = 5;

/** Describes this machine, with a measurement that takes a fraction of a second. */
export async function describeMachine(): Promise<MachineFacts> {
  return { processor: readProcessor(), runtime: await runtimeFacts(), int8: await int8Form(), rates: await measure() };
}

async function int8Form(): Promise<Int8Form> {
  const weightLimit = await int8WeightLimit();
  const reason =
    weightLimit === 127
      ? 'products keep all 8 bits of a weight here, as a trial showed'
      : 'a trial showed that pairs of products are added in 16 bits here and saturate: larger weights would give wrong sums';
  return { weightLimit, reason };
}

async function measure(): Promise<ProductRate[]> {
  const [int8, fp32] = await Promise.all([openSession(int8Product()), openSession(fp32Product())]);
  const rates: ProductRate[] = [];
  for (const rows of ROWS) {
    const each = { rows, inputs: INPUTS, outputs: OUTPUTS };
    rates.push({ ...each, int8: await rateOf(int8, rows), fp32: await rateOf(fp32, rows) });
  }
  await Promise.all([int8.close(), fp32.close()]);
  return rates;
}

/** The best of several runs: disturbances only make a run slower. */
async function rateOf(session: Session, rows: number): Promise<number> {
  const data = Float32Array.from({ length: rows * INPUTS }, (_, i) => (i % 255) - 127);
  const inputs = { rows: { type: 'float32', data, dims: [rows, INPUTS] } } as const;
  await session.run(inputs);
  let best = Number.POSITIVE_INFINITY;
  const endMs = performance.now() + MEASURE_MS;
  for (let runs = 0; runs < LEAST_RUNS || performance.now() < endMs; runs++) {
    const startMs = performance.now();
    await session.run(inputs);
    best = Math.min(best, performance.now() - startMs);
  }
  return (rows * INPUTS * OUTPUTS) / (best * 1e6);
}

/** As in `compile/layers.ts`, including the quantization of the input. */
function int8Product(): Uint8Array {
  const graph = createGraph('int8');
  graph.input('rows', 'f32', ['rows', INPUTS]);
  const weights = Int8Array.from({ length: INPUTS * OUTPUTS }, (_, i) => (i % 127) - 63);
  const operands = [
    graph.op('QuantizeLinear', ['rows', graph.constant('f32', 1), graph.constant('u8', 128)]),
    graph.tensor('weights', [INPUTS, OUTPUTS], weights),
    graph.constant('f32', 1),
    graph.tensor('scales', [OUTPUTS], new Float32Array(OUTPUTS).fill(1)),
    graph.constant('u8', 128),
  ];
  graph.op('MatMulIntegerToFloat', operands, {}, { domain: 'com.microsoft', outputs: ['sums'] });
  graph.output('sums', 'f32', ['rows', OUTPUTS]);
  return encodeModel(graph);
}

function fp32Product(): Uint8Array {
  const graph = createGraph('fp32');
  graph.input('rows', 'f32', ['rows', INPUTS]);
  const weights = graph.tensor('weights', [OUTPUTS, INPUTS], new Float32Array(OUTPUTS * INPUTS).fill(1 / 64));
  graph.op('FusedMatMul', ['rows', weights], { transB: 1 }, { domain: 'com.microsoft', outputs: ['sums'] });
  graph.output('sums', 'f32', ['rows', OUTPUTS]);
  return encodeModel(graph);
}
