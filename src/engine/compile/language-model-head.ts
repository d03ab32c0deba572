import type { Graph } from '../onnx/graph.ts';
import type { Operand, Source } from './layers.ts';
import { lazy } from './lazy.ts';
import { quantizeMatrix, sliceColumns } from './quantize.ts';

/**
 * Columns of the vocabulary in one product of the int8 head: with 128 rows a slice of the output stays in the L2
 * cache, and the product runs at 220 to 230 GMAC/s, against 140 to 190 for the whole vocabulary at once.
 */
const SLICE_COLUMNS = 3200;
/** The argmax looks at blocks of so many columns first: 0.35 ms against 1.8 ms for ArgMax over [32, 50k]. */
const BLOCK = 64;
/** Keeps padding columns from winning. */
const NEVER = -1e30;

export interface HeadShape {
  /** Tensor of the output matrix, [vocabulary, size]. */
  readonly weight: string;
  readonly size: number;
  readonly vocabulary: number;
  /** Added to the logits, or null if it is zero everywhere. */
  readonly bias: Float32Array | null;
}

/** Token with the highest logit of each row, int64 [rows]; of equal ones the first, as in torch. */
export function greedyToken(root: Graph, graph: Graph, source: Source, input: Operand, shape: HeadShape): string {
  return input.quantized
    ? sliced(root, graph, source, input.quantized, shape)
    : whole(root, graph, source, input, shape);
}

function whole(root: Graph, graph: Graph, source: Source, input: Operand, shape: HeadShape): string {
  const { weight, size, vocabulary, bias } = shape;
  const tensor = source.weights.store(weight, 'f32', [vocabulary, size], () =>
    source.tensors.read(weight, [vocabulary, size]),
  );
  const matrix = root.external(weight, 'f32', tensor.dims, tensor.data);
  const product = graph.op('FusedMatMul', [input.values, matrix], { transB: 1 }, { domain: 'com.microsoft' });
  const logits = bias ? graph.op('Add', [product, root.tensor('head.bias', [vocabulary], bias)]) : product;
  return graph.op('ArgMax', [logits], { axis: 1, keepdims: 0 });
}

function sliced(
  root: Graph,
  graph: Graph,
  source: Source,
  input: NonNullable<Operand['quantized']>,
  shape: HeadShape,
): string {
  const { size, vocabulary } = shape;
  const count = Math.ceil(vocabulary / SLICE_COLUMNS);
  const columns = Math.ceil(vocabulary / count / BLOCK) * BLOCK;
  const tokens: string[] = [];
  const maxima: string[] = [];
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
    const logits = sliceLogits(root, graph, input, shape, {
      values: root.external(key, 'i8', values.dims, values.data),
      scales: root.external(`${key}/scales`, 'f32', scales.dims, scales.data),
      ...{ first, last, width },
    });
    const best = blockArgmax(graph, logits, width);
    tokens.push(first === 0 ? best.column : graph.op('Add', [best.column, graph.constant('i64', first)]));
    maxima.push(best.maximum);
  }
  return pick(graph, tokens, maxima);
}

interface Slice {
  readonly values: string;
  readonly scales: string;
  readonly first: number;
  readonly last: number;
  readonly width: number;
}

/** Logits of a slice; without a bias up to the row's scale, which no argmax can see. */
function sliceLogits(
  root: Graph,
  graph: Graph,
  input: NonNullable<Operand['quantized']>,
  shape: HeadShape,
  slice: Slice,
) {
  const { first, last, width } = slice;
  let bias = '';
  if (shape.bias || last - first < width) {
    const values = new Float32Array(width).fill(NEVER);
    for (let i = first; i < last; i++) values[i - first] = shape.bias?.[i] ?? 0;
    bias = root.tensor(`head.bias/${first}`, [width], values);
  }
  const operands = [input.values, slice.values, graph.constant('f32', 1), slice.scales, graph.constant('u8', 128)];
  const product = (...more: string[]) =>
    graph.op('MatMulIntegerToFloat', [...operands, ...more], {}, { domain: 'com.microsoft' });
  if (shape.bias) return graph.op('Add', [graph.op('Mul', [product(), input.scales]), bias]);
  return bias ? product('', bias) : product();
}

function blockArgmax(graph: Graph, logits: string, width: number): { column: string; maximum: string } {
  const blocks = graph.op('Reshape', [logits, graph.constant('i64', [-1, width / BLOCK, BLOCK])]);
  const maxima = graph.op('ReduceMax', [blocks, graph.constant('i64', [2])], { keepdims: 0 });
  const block = graph.op('ArgMax', [maxima], { axis: 1, keepdims: 0 });
  const index = graph.op('Unsqueeze', [block, graph.constant('i64', [1])]);
  const inBlock = graph.op('ArgMax', [graph.op('GatherND', [blocks, index], { batch_dims: 1 })], {
    axis: 1,
    keepdims: 0,
  });
  return {
    column: graph.op('Add', [graph.op('Mul', [block, graph.constant('i64', BLOCK)]), inBlock]),
    maximum: graph.op('ReduceMax', [maxima, graph.constant('i64', [1])], { keepdims: 1 }),
  };
}

/** The token of the slice with the highest maximum. */
function pick(graph: Graph, tokens: readonly string[], maxima: readonly string[]): string {
  const [only] = tokens;
  if (only !== undefined && tokens.length === 1) return only;
  const axis = graph.constant('i64', [1]);
  const winner = graph.op('ArgMax', [graph.op('Concat', maxima, { axis: 1 })], { axis: 1, keepdims: 1 });
  const columns = graph.op(
    'Concat',
    tokens.map((token) => graph.op('Unsqueeze', [token, axis])),
    { axis: 1 },
  );
  return graph.op('Squeeze', [graph.op('GatherElements', [columns, winner], { axis: 1 }), axis]);
}
