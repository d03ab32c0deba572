import { createGraph } from '../onnx/graph.ts';
import { probe } from './probe.ts';

const INPUTS = 64;
const OUTPUTS = 16;
const LARGEST_INPUT = 255;
const ZERO_POINT = 128;
const LARGEST_WEIGHT = 127;

let limit: Promise<number> | undefined;

/**
 * Largest magnitude that int8 weights may have on this machine. x86 processors without VNNI add pairs of u8 x s8
 * products in 16 bits and saturate at 32,767, silently: two products of 255 x 127 are 64,770. On those processors
 * weights keep to 63 (255 x 63 x 2 = 32,130). onnxruntime does not say which kernel it chooses. So this runs a product once
 * per process, which takes a few milliseconds.
 */
export function int8WeightLimit(): Promise<number> {
  limit ??= saturates().then((saturated) => (saturated ? 63 : LARGEST_WEIGHT));
  return limit;
}

async function saturates(): Promise<boolean> {
  const graph = createGraph('probe');
  graph.input('rows', 'f32', ['rows', INPUTS]);
  const operands = [
    graph.op('QuantizeLinear', ['rows', graph.constant('f32', 1), graph.constant('u8', ZERO_POINT)]),
    graph.tensor('weights', [INPUTS, OUTPUTS], new Int8Array(INPUTS * OUTPUTS).fill(LARGEST_WEIGHT)),
    graph.constant('f32', 1),
    graph.constant('f32', 1),
    graph.constant('u8', ZERO_POINT),
  ];
  graph.op('MatMulIntegerToFloat', operands, {}, { domain: 'com.microsoft', outputs: ['sums'] });
  graph.output('sums', 'f32', ['rows', OUTPUTS]);
  const value = LARGEST_INPUT - ZERO_POINT;
  const sums = await probe(graph, { rows: 4, columns: INPUTS, value });
  return sums.some((sum) => sum !== INPUTS * value * LARGEST_WEIGHT);
}
