import type { Graph } from '../onnx/graph.ts';
import type { Quantized } from './activations.ts';
import { exact, type Operand, type Source, storeMatrix } from './layers.ts';
import { lazy } from './lazy.ts';
import { quantizeMatrix, sliceColumns } from './quantize.ts';

/**
 * Columns of the vocabulary in one product of the int8 head. With 128 rows, a slice of the output stays in the L2 cache, and
 * the product runs at 220 to 230 GMAC/s, against 140 to 190 for the whole vocabulary at once.
 */
const SLICE_COLUMNS = 3200;
/** The width of a slice is a multiple of this, because the search for its best tokens needs it. */
export const BLOCK = 64;
/** Site name of the head's input. */
const HEAD = 'head';
/** Lower than any logit, so that padding columns never win. */
const NEVER = -1e30;

export interface HeadShape {
  /** Tensor of the output matrix, [vocabulary, size]. */
  readonly weight: string;
  readonly size: number;
  readonly vocabulary: number;
  /** Added to the logits, or null if it is zero everywhere. */
  readonly bias: Float32Array | null;
}

/** Logits of the tokens `first` to `last` (exclusive), fp32 [rows, width]. */
export interface LogitSlice {
  readonly logits: string;
  readonly first: number;
  readonly last: number;
  /** Columns. Those beyond `last - first` are padding, lower than any logit. */
  readonly width: number;
}

/**
 * Logits of the next token: one slice in fp32 and fp16, several slices in int8.
 *
 * @param scaled false leaves out a row's scale if there is no bias: an argmax does not depend on it
 */
export function logitSlices(
  root: Graph,
  graph: Graph,
  source: Source,
  input: Operand,
  shape: HeadShape,
  scaled: boolean,
): LogitSlice[] {
  return input.quantized
    ? slices(root, graph, source, input.quantized(HEAD), shape, scaled)
    : [whole(root, graph, source, input, shape)];
}

function whole(root: Graph, graph: Graph, source: Source, input: Operand, shape: HeadShape): LogitSlice {
  const { weight, size, vocabulary, bias } = shape;
  const matrix = storeMatrix(root, source, source.precision === 'fp16' ? 'f16' : 'f32', weight, [vocabulary, size]);
  const product = source.portable
    ? exact(graph, source.precision, graph.op('Gemm', [input.values, matrix], { transB: 1 }))
    : graph.op('FusedMatMul', [input.values, matrix], { transB: 1 }, { domain: 'com.microsoft' });
  const logits = bias ? graph.op('Add', [product, root.tensor('head.bias', [vocabulary], bias)]) : product;
  return { logits, first: 0, last: vocabulary, width: vocabulary };
}

function slices(
  root: Graph,
  graph: Graph,
  source: Source,
  input: Quantized,
  shape: HeadShape,
  scaled: boolean,
): LogitSlice[] {
  const { size, vocabulary } = shape;
  const count = Math.ceil(vocabulary / SLICE_COLUMNS);
  const columns = Math.ceil(vocabulary / count / BLOCK) * BLOCK;
  const result: LogitSlice[] = [];
  const matrix = lazy(() =>
    quantizeMatrix(source.tensors.read(shape.weight, [vocabulary, size]), vocabulary, size, source.weightLimit),
  );
  for (let first = 0; first < vocabulary; first += columns) {
    const last = Math.min(vocabulary, first + columns);
    const width = Math.ceil((last - first) / BLOCK) * BLOCK;
    const part = lazy(() => sliceColumns(matrix(), size, { first, last, width }));
    const key = `head/${first}-${last}`;
    const values = source.weights.store(key, 'i8', [size, width], () => part().values);
    const scales = source.weights.store(`${key}/scales`, 'f32', [width], () => part().scales);
    const weights = {
      values: root.external(key, 'i8', values.dims, values.data),
      scales: root.external(`${key}/scales`, 'f32', scales.dims, scales.data),
    };
    const place = { first, last, width };
    result.push({ logits: sliceLogits(root, graph, input, shape, { ...weights, ...place }, scaled), ...place });
  }
  return result;
}

interface Slice {
  readonly values: string;
  readonly scales: string;
  readonly first: number;
  readonly last: number;
  readonly width: number;
}

function sliceLogits(root: Graph, graph: Graph, input: Quantized, shape: HeadShape, slice: Slice, scaled: boolean) {
  const { first, last, width } = slice;
  let bias = '';
  if (shape.bias || last - first < width) {
    const values = new Float32Array(width).fill(NEVER);
    for (let i = first; i < last; i++) values[i - first] = shape.bias?.[i] ?? 0;
    bias = root.tensor(`head.bias/${first}`, [width], values);
  }
  const operands = [input.values, slice.values, input.scale, slice.scales, input.zeroPoint];
  const product = (...more: string[]) =>
    graph.op('MatMulIntegerToFloat', [...operands, ...more], {}, { domain: 'com.microsoft' });
  if (input.rowScales === null || (!shape.bias && !scaled)) return bias ? product('', bias) : product();
  const logits = graph.op('Mul', [product(), input.rowScales]);
  return bias ? graph.op('Add', [logits, bias]) : logits;
}
