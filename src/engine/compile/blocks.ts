import type { Tensors } from '../checkpoint/safetensors.ts';
import type { Activation, Layers, LinearOptions, Operand } from './layers.ts';

/*
 * The parts that a transformer of the post-norm family (BART, RoBERTa) repeats. Hidden values are [rows, size], one row a
 * token; `rows` names their number, as in `Layers.operand`.
 */

/** Added to the attention scores of padding. */
export const MASKED = -1e9;

/** Smallest value of GELU(x), rounded away from zero. */
const GELU_MINIMUM = -0.17;

export interface AttentionShape {
  readonly size: number;
  readonly heads: number;
}

/** Names of a self-attention's projections in the checkpoint. */
export interface AttentionNames {
  readonly query: string;
  readonly key: string;
  readonly value: string;
}

/**
 * Every token attends to every token of its text; [rows, size].
 *
 * @param shape3d value with the shape [texts, length, size]
 * @param mask int32 [texts, length], 0 for padding. Always given: without one onnxruntime takes another kernel, and a text
 *   would have other bits in a batch that needs none.
 */
export function attendAll(
  layers: Layers,
  { size, heads }: AttentionShape,
  names: AttentionNames,
  input: Operand,
  { shape3d, mask }: { readonly shape3d: string; readonly mask: string },
): string {
  const { graph } = layers;
  const project = (name: string, options: LinearOptions) =>
    graph.op('Reshape', [layers.linear(input, name, size, size, options), shape3d]);
  const operands = [project(names.query, {}), project(names.key, { bias: null }), project(names.value, { bias: null })];
  const attended = graph.op(
    'MultiHeadAttention',
    [...operands, '', mask],
    { num_heads: heads, mask_filter_value: { float: MASKED } },
    { domain: 'com.microsoft' },
  );
  return graph.op('Reshape', [attended, graph.constant('i64', [-1, size])]);
}

/** What one token attends to. */
export interface Attended {
  /** fp32 [texts, heads, length, headSize]; where several hypotheses share a text's, [texts, 1, heads, length, headSize]. */
  readonly keys: string;
  readonly values: string;
  /** fp32, added to the scores [texts, heads, 1, length] or [texts, hypotheses, heads, 1, length]; null: nothing is masked. */
  readonly mask: string | null;
  /** Number of texts, int64 [1], where hypotheses share keys and values; else null. */
  readonly texts: string | null;
}

/**
 * One token of each text attends to all: a decoder's last token, or a classifier's first; [texts, size].
 *
 * Hypotheses that share a text's keys and values are a dimension of their own, along which the products broadcast: one
 * vector times one matrix each, so that nothing is copied and a hypothesis has the bits that it has alone.
 *
 * @param query [texts, size], divided by the square root of the head size
 */
export function attendFromOne(
  layers: Layers,
  { size, heads }: AttentionShape,
  query: string,
  { keys, values, mask, texts }: Attended,
): string {
  const { graph } = layers;
  // The query as a column needs no transposed keys.
  const tail = graph.constant('i64', [-1, heads, size / heads, 1]);
  const columnShape = texts === null ? tail : graph.op('Concat', [texts, tail], { axis: 0 });
  const column = graph.op('Reshape', [query, columnShape]);
  const rowShape = graph.constant('i64', texts === null ? [0, 0, 1, -1] : [0, 0, 0, 1, -1]);
  const scores = graph.op('Reshape', [graph.op('MatMul', [keys, column]), rowShape]);
  const masked = mask === null ? scores : graph.op('Add', [scores, mask]);
  const attended = graph.op('MatMul', [graph.op('Softmax', [masked], { axis: -1 }), values]);
  return graph.op('Reshape', [attended, graph.constant('i64', [-1, size])]);
}

export interface CloseNames {
  /** Projection of the attention's output. */
  readonly output: string;
  /** Projection of the values, whose bias is added here. */
  readonly value: string;
  readonly norm: string;
}

/** LayerNorm(projection of what was attended to + residual). */
export function closeAttention(
  layers: Layers,
  { size, epsilon }: { readonly size: number; readonly epsilon: number },
  names: CloseNames,
  { attended, residual, rows }: { readonly attended: string; readonly residual: string; readonly rows?: string },
): string {
  const bias = foldValueBias(layers.tensors, names, size);
  const input = layers.operand(attended, rows === undefined ? {} : { rows });
  const projected = layers.linear(input, names.output, size, size, { bias });
  return layers.layerNorm(layers.graph.op('Add', [projected, residual]), names.norm, size, epsilon);
}

/**
 * Bias of an attention's output projection with the bias of its values folded in, b + W·bv: attention weights sum to
 * one, so a constant added to every value comes out unchanged. (The bias of the keys adds the same to every score of
 * a query, which softmax takes away again: it is left out.)
 */
function foldValueBias(tensors: Tensors, { output, value }: CloseNames, size: number): Float32Array {
  const weight = tensors.read(`${output}.weight`, [size, size]);
  const bias = tensors.read(`${output}.bias`, [size]);
  const valueBias = tensors.read(`${value}.bias`, [size]);
  return bias.map((start, row) => {
    let sum = start;
    for (let k = 0; k < size; k++) sum += (weight[row * size + k] ?? 0) * (valueBias[k] ?? 0);
    return sum;
  });
}

export interface FeedForwardShape {
  readonly size: number;
  readonly inner: number;
  readonly activation: Activation;
  readonly epsilon: number;
}

/** LayerNorm(close(activation(open(input))) + input). */
export function feedForward(
  layers: Layers,
  { size, inner, activation, epsilon }: FeedForwardShape,
  names: { readonly open: string; readonly close: string; readonly norm: string },
  input: string,
  rows = 'rows',
): string {
  const opened = layers.linear(layers.operand(input, { rows }), names.open, size, inner, { biasAsRow: true });
  const lowerBound = activation === 'relu' ? 0 : GELU_MINIMUM;
  const active = layers.operand(layers.activation(opened, activation), { rows, lowerBound });
  const closed = layers.linear(active, names.close, inner, size);
  return layers.layerNorm(layers.graph.op('Add', [closed, input]), names.norm, size, epsilon);
}
