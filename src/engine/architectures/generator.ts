import { outputScales } from '../compile/activations.ts';
import type { Attended, AttentionShape } from '../compile/blocks.ts';
import type { Cache, DecoderPlan, Step } from '../compile/decoder-plan.ts';
import type { Layers, Source } from '../compile/layers.ts';
import { createGraph, encodeModel, type Graph } from '../onnx/graph.ts';
import { cacheNames, type DecoderShape } from '../onnx/values.ts';

/** What the engine needs to know about a class that generates text. */
export interface Generator {
  readonly shape: DecoderShape;
  /** Features of a hidden value. They decide how many tokens fit one batch. */
  readonly size: number;
  readonly vocabulary: number;
  /** Longest input in tokens that the positions allow, or Infinity. */
  readonly inputPositions: number;
  /** Longest input if neither the positions nor the tokenizer set a limit; Infinity for no limit. */
  readonly defaultWindow: number;
  /** Longest output in tokens, or Infinity. For a decoder-only model the input counts, too. */
  readonly positions: number;
  /** The output continues the input: there is no encoder, and the decoder starts with the last token of the input. */
  readonly decoderOnly: boolean;
  /** Generation options that this class sets if `config.json` does not and there is no `generation_config.json`. */
  readonly generationDefaults: Readonly<Record<string, number>>;
  /**
   * Writes the part that reads the source into a graph: the encoder, or the decoder over all tokens of the input but the
   * last. Input: `tokens` int64 [rows, length], rows of one length. Values for each layer of the decoder: `cross_key_N` and
   * `cross_value_N`, fp32 [rows, heads, length, head size].
   */
  encoder(graph: Graph, source: Source): void;
  /** Its sources are `crossSources`, its caches `cachesOf`. */
  decoder(source: Source): DecoderPlan;
}

/** A generator that can also compute the likelihood of a text. */
export interface LanguageModel extends Generator {
  /** Token before the first and after the last token of a text. The tokenizer does not add it. */
  readonly boundary: number;
  /**
   * Inputs: `tokens` int64 [rows, length], `mask` int32 [rows, length], `next` int64 [rows, length], the token after each
   * token.
   * Outputs: `logits` fp32 [rows, length] of the next tokens; `maxima` and `shares` fp32 [rows × length, slices] (see
   * `ChosenTokens`).
   */
  likelihood(source: Source): Uint8Array;
}

/** `cross_mask` (0 for a token, -1e9 for padding), and the keys and values that each layer reads of the source. */
export function crossSources(shape: DecoderShape): Cache[] {
  const dims = ['rows', shape.heads, 'length', shape.headSize];
  const cross = cacheNames(shape).map((part) => ({ name: `cross_${part}`, dims }));
  return [{ name: 'cross_mask', dims: ['rows', 1, 1, 'length'] }, ...cross];
}

/** Keys, values and mask of the source for one layer, read with `Step.read`. */
export function crossOf(read: Step['read'], layer: number): Pick<Attended, 'keys' | 'values' | 'mask'> {
  return { keys: read(`cross_key_${layer}`), values: read(`cross_value_${layer}`), mask: 'cross_mask' };
}

/** Keys and values of the tokens generated so far. */
export function cachesOf(shape: DecoderShape): Cache[] {
  return cacheNames(shape).map((name) => ({ name, dims: ['rows', shape.heads, 'past', shape.headSize] }));
}

/** Appends the key or value of one token to a cache; `value` is [rows, heads × head size]. */
export function appendToCache(
  body: Graph,
  { heads, headSize }: AttentionShape,
  cache: string | undefined,
  value: string,
): string {
  const row = body.op('Reshape', [value, body.constant('i64', [-1, heads, 1, headSize])]);
  return body.op('Concat', [cache ?? '', row], { axis: 2 });
}

/** The inputs of an encoder: their shape int64 [2], and the padded length as a scalar. */
export function tokenInputs(graph: Graph): { tokens: string; shape: string; length: string } {
  const tokens = graph.input('tokens', 'i64', ['rows', 'length']);
  const length = graph.op('Squeeze', [graph.op('Shape', [tokens], { start: 1, end: 2 })]);
  return { tokens, length, shape: graph.op('Shape', [tokens]) };
}

/** An encoder as a model of its own. Its outputs are the keys and values. */
export function encoderModel(source: Source, { shape, encoder }: Generator): Uint8Array {
  const graph = createGraph('encoder');
  encoder(graph, source);
  for (const { name, dims } of crossSources(shape).slice(1)) graph.output(name, 'f32', dims);
  outputScales(graph, source.measured);
  return encodeModel(graph);
}

/**
 * Outputs of an encoder: the keys and values for each layer of the decoder.
 *
 * @param shape int64 [2], texts and length
 * @param project keys or values of a layer of the decoder, [texts × length, heads × head size]
 */
export function crossValues(
  { graph, exact }: Layers,
  { layers, heads, headSize }: DecoderShape,
  shape: string,
  project: (layer: number, part: 'key' | 'value') => string,
): void {
  const shape4d = graph.op('Concat', [shape, graph.constant('i64', [heads, headSize])], { axis: 0 });
  for (let layer = 0; layer < layers; layer++) {
    for (const part of ['key', 'value'] as const) {
      const split = graph.op('Reshape', [exact(project(layer, part)), shape4d]);
      graph.op('Transpose', [split], { perm: [0, 2, 1, 3] }, { outputs: [`cross_${part}_${layer}`] });
    }
  }
}
