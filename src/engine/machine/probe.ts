import { encodeModel, type Graph } from '../onnx/graph.ts';
import { openSession, type SessionOptions } from '../runtime/session.ts';

/**
 * Runs a graph once, to see what a machine does with it.
 *
 * @param graph with an input `rows` fp32 [rows, columns], and a value `sums` fp32 that becomes its output
 * @param rows all equal to `value`
 */
export async function probe(
  graph: Graph,
  { rows, columns, value }: { readonly rows: number; readonly columns: number; readonly value: number },
  options?: SessionOptions,
): Promise<Float32Array> {
  const session = await openSession(encodeModel(graph), options);
  const data = new Float32Array(rows * columns).fill(value);
  const outputs = await session.run({ rows: { type: 'float32', data, dims: [rows, columns] } });
  await session.close();
  return outputs.floats('sums');
}
