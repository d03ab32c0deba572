import type { Tensors } from '../checkpoint/weights/tensors.ts';
import { ELEMENT, type Graph } from '../onnx/graph.ts';
import { MASKED } from '../onnx/values.ts';
import type { Activation, Layers, LinearOptions, Operand } from './layers.ts';

/*
 * Parts that all transformers repeat. Hidden values are [rows, size] with one row per token; `rows` names their number, as in
 * `Layers.operand`.
 */

/** Smallest value of an activation, rounded away from zero. */
const MINIMUM: Readonly<Record<Activation, number>> = { relu: 0, gelu: -0.17, gelu_new: -0.1701 };

export interface AttentionShape {
  /** Features of a hidden value. */
  readonly size: number;
  readonly heads: number;
  /** Features of a head. Some T5 checkpoints have a value other than `size / heads`. */
  readonly headSize: number;
}

/** Names of a self-attention's projections in the checkpoint. */
interface AttentionNames {
  readonly query: string;
  readonly key: string;
  readonly value: string;
}

interface AttendAllOptions {
  /** Value with the shape [texts, length, heads × headSize]. */
  readonly shape3d: string;
  /** Added to the scores, fp32 [1, heads, length, length]. */
  readonly scoreBias?: string;
  /** Factor of the scores (default: one over the square root of the head size). */
  readonly scale?: number;
  /** Tokens attend only to themselves and to tokens before them. */
  readonly causal?: boolean;
}

/** Queries, keys and values, [rows, heads × headSize] each. */
interface Projected {
  readonly query: string;
  readonly key: string;
  readonly value: string;
}

/**
 * Projections of a self-attention. Keys and values come without their biases (see `foldValueBias`).
 *
 * @param biased false if the query has no bias either
 */
export function projectAll(
  layers: Layers,
  { size, heads, headSize }: AttentionShape,
  names: AttentionNames,
  input: Operand,
  { biased = true, multiplier = 1 }: { readonly biased?: boolean; readonly multiplier?: number } = {},
): Projected {
  const project = (name: string, options: LinearOptions) => layers.linear(input, name, size, heads * headSize, options);
  return {
    query: project(names.query, biased ? { multiplier } : { multiplier, bias: null }),
    key: project(names.key, { bias: null }),
    value: project(names.value, { bias: null }),
  };
}

/** Every token attends to every token of its text; texts are of one length. [rows, heads × headSize]. */
export function attendAll(
  layers: Layers,
  { heads, headSize }: AttentionShape,
  { query, key, value }: Projected,
  { shape3d, scoreBias, scale, causal = false }: AttendAllOptions,
): string {
  const { graph } = layers;
  if (layers.portable) {
    const options = { shape3d, scale: scale ?? 1 / Math.sqrt(headSize), causal };
    return attendAllPlainly(
      layers,
      { heads, headSize },
      { query, key, value },
      scoreBias ? { ...options, scoreBias } : options,
    );
  }
  const operands = [query, key, value].map((each) => graph.op('Reshape', [each, shape3d]));
  const attended = graph.op(
    'MultiHeadAttention',
    [...operands, ...(scoreBias === undefined ? [] : ['', '', scoreBias])],
    {
      num_heads: heads,
      ...(scale === undefined ? {} : { scale: { float: scale } }),
      ...(causal ? { unidirectional: 1 } : {}),
    },
    { domain: 'com.microsoft' },
  );
  return graph.op('Reshape', [attended, graph.constant('i64', [-1, heads * headSize])]);
}

/**
 * The same with standard ONNX operators, for texts that may be padded: not every device's MultiHeadAttention takes a mask.
 * Nodes that depend on the mask and the length alone are written for each layer but computed once, because onnxruntime merges
 * equal nodes.
 */
function attendAllPlainly(
  layers: Layers,
  { heads, headSize }: Pick<AttentionShape, 'heads' | 'headSize'>,
  projected: Projected,
  { shape3d, scoreBias, scale, causal }: AttendAllOptions & { readonly scale: number },
): string {
  const { graph } = layers;
  const { constant, op } = graph;
  const split = (value: string, perm: readonly number[]) => {
    const byHead = op('Reshape', [op('Reshape', [value, shape3d]), constant('i64', [0, 0, heads, headSize])]);
    return op('Transpose', [byHead], { perm });
  };
  // The scale is applied before the product, because scores without it are large.
  const query = scale === 1 ? projected.query : op('Mul', [projected.query, layers.reduced(constant('f32', scale))]);
  const product = op('MatMul', [split(query, [0, 2, 1, 3]), split(projected.key, [0, 2, 3, 1])]);
  let scores = layers.exact(product);
  if (layers.padded) scores = op('Add', [scores, additiveMask(graph)]);
  if (scoreBias !== undefined) scores = op('Add', [scores, scoreBias]);
  if (causal) scores = op('Add', [scores, causalMask(graph, shape3d)]);
  const weights = layers.reduced(op('Softmax', [scores], { axis: -1 }));
  const attended = op('MatMul', [weights, split(projected.value, [0, 2, 1, 3])]);
  return op('Reshape', [op('Transpose', [attended], { perm: [0, 2, 1, 3] }), constant('i64', [-1, heads * headSize])]);
}

/** 0 for a token, -1e9 for padding; fp32 [texts, 1, 1, length]. */
export function additiveMask(graph: Graph): string {
  const isToken = graph.op('Cast', ['mask'], { to: ELEMENT.bool });
  const values = graph.op('Where', [isToken, graph.constant('f32', 0), graph.constant('f32', MASKED)]);
  return graph.op('Unsqueeze', [values, graph.constant('i64', [1, 2])]);
}

/** -1e9 for later tokens; fp32 [length, length]. */
function causalMask(graph: Graph, shape3d: string): string {
  const { constant, op } = graph;
  const length = op('Gather', [shape3d, constant('i64', 1)]);
  const places = op('Range', [constant('i64', 0), length, constant('i64', 1)]);
  const later = op('Less', [
    op('Unsqueeze', [places, constant('i64', [1])]),
    op('Unsqueeze', [places, constant('i64', [0])]),
  ]);
  return op('Where', [later, constant('f32', MASKED), constant('f32', 0)]);
}

/** Keys, values and masks that one token attends to. */
export interface Attended {
  /**
   * In the type of products, [texts, heads, length, headSize]; [texts, 1, heads, length, headSize] if several hypotheses
   * share a text.
   */
  readonly keys: string;
  readonly values: string;
  /** fp32, added to the scores [texts, heads, 1, length] or [texts, hypotheses, heads, 1, length]; null adds nothing. */
  readonly mask: string | null;
  /** Number of texts, int64 [1], if hypotheses share keys and values; else null. */
  readonly texts: string | null;
}

/**
 * One token per text attends to all: the last token of a decoder, or the first token of a classifier; [texts, heads ×
 * headSize].
 *
 * Hypotheses that share the keys and values of a text are a dimension of their own, along which the products broadcast. Each
 * product is one vector times one matrix. So nothing is copied, and a hypothesis has the same bits as alone.
 *
 * @param query [texts, heads × headSize], divided by the square root of the head size
 */
export function attendFromOne(
  layers: Layers,
  { heads, headSize }: AttentionShape,
  query: string,
  { keys, values, mask, texts }: Attended,
): string {
  const { graph } = layers;
  // With the query as a column, keys need no transposition.
  const tail = graph.constant('i64', [-1, heads, headSize, 1]);
  const columnShape = texts === null ? tail : graph.op('Concat', [texts, tail], { axis: 0 });
  const column = graph.op('Reshape', [query, columnShape]);
  const rowShape = graph.constant('i64', texts === null ? [0, 0, 1, -1] : [0, 0, 0, 1, -1]);
  const scores = graph.op('Reshape', [graph.op('MatMul', [keys, column]), rowShape]);
  const exact = layers.exact(scores);
  const masked = mask === null ? exact : graph.op('Add', [exact, mask]);
  const weights = layers.reduced(graph.op('Softmax', [masked], { axis: -1 }));
  const attended = graph.op('MatMul', [weights, values]);
  return graph.op('Reshape', [attended, graph.constant('i64', [-1, heads * headSize])]);
}

/**
 * The same over two lists at once: first the token's own list, such as the tokens generated so far, then a text before it.
 * This order matters, because the longest text of a batch pads the others at their end. Masked positions must come last, so
 * that a row has the same bits in any batch. The products with the values are two sums for the same reason.
 */
export function attendFromOneToBoth(
  layers: Layers,
  { heads, headSize }: AttentionShape,
  query: string,
  own: Pick<Attended, 'keys' | 'values'>,
  { keys, values, mask, texts }: Attended,
): string {
  const { graph } = layers;
  const { constant, op } = graph;
  const tail = constant('i64', [-1, heads, headSize, 1]);
  const ownScores = op('Reshape', [
    op('MatMul', [own.keys, op('Reshape', [query, tail])]),
    constant('i64', [0, 0, 1, -1]),
  ]);
  const column = op('Reshape', [query, texts === null ? tail : op('Concat', [texts, tail], { axis: 0 })]);
  const rowShape = constant('i64', texts === null ? [0, 0, 1, -1] : [0, 0, 0, 1, -1]);
  const textScores = op('Reshape', [op('MatMul', [keys, column]), rowShape]);
  const exact = layers.exact(textScores);
  const masked = mask === null ? exact : op('Add', [exact, mask]);
  const rows = op('Shape', [ownScores], { start: 0, end: 3 });
  const flat = op('Reshape', [masked, op('Concat', [rows, constant('i64', [-1])], { axis: 0 })]);
  const all = op('Concat', [layers.exact(ownScores), flat], { axis: -1 });
  const weights = layers.reduced(op('Softmax', [all], { axis: -1 }));

  const lengths = [op('Shape', [ownScores], { start: 3 }), op('Shape', [flat], { start: 3 })];
  const [ownWeights, textWeights] = [graph.name('own'), graph.name('text')];
  graph.ops('Split', [weights, op('Concat', lengths, { axis: 0 })], [ownWeights, textWeights], { axis: -1 });
  const aligned = texts === null ? textWeights : op('Reshape', [textWeights, op('Shape', [masked])]);
  const result = constant('i64', [-1, heads * headSize]);
  return op('Add', [
    op('Reshape', [op('MatMul', [ownWeights, own.values]), result]),
    op('Reshape', [op('MatMul', [aligned, values]), result]),
  ]);
}

interface CloseNames {
  /** Output projection of the attention. */
  readonly output: string;
  /** Projection of the values. Its bias is added here. */
  readonly value: string;
  readonly norm: string;
}

/** LayerNorm(output projection + residual), for norms after each part. */
export function closeAttention(
  layers: Layers,
  { size, epsilon }: { readonly size: number; readonly epsilon: number },
  names: CloseNames,
  { attended, residual, rows }: { readonly attended: string; readonly residual: string; readonly rows?: string },
): string {
  const projected = projectAttention(layers, size, names, attended, rows);
  return layers.layerNorm(layers.graph.op('Add', [projected, residual]), names.norm, size, epsilon);
}

/** Output projection of an attention, with the bias of the values folded into its own, in fp32. */
export function projectAttention(
  layers: Layers,
  size: number,
  names: Omit<CloseNames, 'norm'>,
  attended: string,
  rows = 'rows',
): string {
  const bias = foldValueBias(layers.tensors, names, size);
  return layers.exact(layers.linear(layers.operand(attended, { rows }), names.output, size, size, { bias }));
}

/**
 * Bias of an attention's output projection with the bias of its values folded in, b + W·bv. Attention weights sum to one, so
 * a constant added to every value comes out unchanged. (The bias of the keys is left out: it adds the same to every score of
 * a query, and softmax cancels it.)
 */
function foldValueBias(tensors: Tensors, { output, value }: Omit<CloseNames, 'norm'>, size: number): Float32Array {
  const weight = tensors.read(`${output}.weight`, [size, size]);
  const bias = tensors.read(`${output}.bias`, [size]);
  const valueBias = tensors.read(`${value}.bias`, [size]);
  return bias.map((start, row) => {
    let sum = start;
    for (let k = 0; k < size; k++) sum += (weight[row * size + k] ?? 0) * (valueBias[k] ?? 0);
    return sum;
  });
}

interface FeedForwardShape {
  readonly size: number;
  readonly inner: number;
  readonly activation: Activation;
}

interface FeedForwardNames {
  readonly open: string;
  readonly close: string;
}

/** LayerNorm(close(activation(open(input))) + input), for norms after each part. */
export function feedForward(
  layers: Layers,
  shape: FeedForwardShape & { readonly epsilon: number },
  names: FeedForwardNames & { readonly norm: string },
  input: string,
  rows = 'rows',
): string {
  const closed = projectForward(layers, shape, names, layers.operand(input, { rows }), rows);
  return layers.layerNorm(layers.graph.op('Add', [closed, input]), names.norm, shape.size, shape.epsilon);
}

/** close(activation(open(input))), in fp32. */
export function projectForward(
  layers: Layers,
  { size, inner, activation }: FeedForwardShape,
  names: FeedForwardNames,
  input: Operand,
  rows = 'rows',
): string {
  const opened = layers.linear(input, names.open, size, inner, { biasAsRow: true });
  const active = layers.operand(layers.activation(opened, activation), { rows, lowerBound: MINIMUM[activation] });
  return layers.exact(layers.linear(active, names.close, inner, size));
}
