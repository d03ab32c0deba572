import type { Fields } from '../../checkpoint/config/fields.ts';
import type { Tensors } from '../../checkpoint/weights/tensors.ts';
import { type AttentionShape, attendAll, attendFromOne, projectAll } from '../../compile/blocks.ts';
import type { DecoderPlan, Step, StepResult } from '../../compile/decoder-plan.ts';
import { createLayers, type Layers, type Operand, type Source } from '../../compile/layers.ts';
import type { Graph } from '../../onnx/graph.ts';
import { refuseQuantized } from '../config-fields.ts';
import {
  appendToCache,
  cachesOf,
  crossOf,
  crossSources,
  crossValues,
  type Generator,
  tokenInputs,
} from '../generator.ts';
import { readT5Config, type T5Config } from './config.ts';
import { relativeBias } from './positions.ts';

/** Generation options that `T5Config` of transformers sets if `config.json` does not. */
const GENERATION_DEFAULTS = { pad_token_id: 0, eos_token_id: 1 } as const;
/** Positions are relative, so no table limits the length. The published checkpoints were trained with this one. */
const DEFAULT_WINDOW = 512;

function readRunnable(fields: Fields): T5Config {
  const config = readT5Config(fields);
  const { projection, buckets, maxDistance } = config;
  if (projection !== 'relu' && projection !== 'gated-gelu') {
    throw fields.error(`feed_forward_proj "${projection}" is not supported: relu and gated-gelu are`);
  }
  refuseQuantized(fields);
  if (buckets % 4 !== 0) throw fields.error(`relative_attention_num_buckets ${buckets} is not a multiple of 4`);
  if (maxDistance <= buckets / 2) {
    throw fields.error(`relative_attention_max_distance ${maxDistance} must be more than half of ${buckets} buckets`);
  }
  return config;
}

export function t5Generator(fields: Fields): Generator {
  const config = readRunnable(fields);
  return {
    shape: { layers: config.decoderLayers, heads: config.heads, headSize: config.headSize },
    size: config.size,
    vocabulary: config.vocabulary,
    inputPositions: Number.POSITIVE_INFINITY,
    defaultWindow: DEFAULT_WINDOW,
    positions: Number.POSITIVE_INFINITY,
    decoderOnly: false,
    generationDefaults: GENERATION_DEFAULTS,
    encoder: (graph, source) => encoder(graph, source, config),
    decoder: (source) => decoder(source, config),
  };
}

/** One table for both sides; files hold it under the name that the writer met first. */
function embeddingName(tensors: Tensors): string {
  const names = ['shared.weight', 'encoder.embed_tokens.weight', 'decoder.embed_tokens.weight'];
  return names.find((name) => tensors.has(name)) ?? 'shared.weight';
}

function embed(layers: Layers, { size, vocabulary }: T5Config, tokens: string): string {
  const { graph } = layers;
  const words = layers.table(embeddingName(layers.tensors), [vocabulary, size]);
  const gathered = layers.exact(graph.op('Gather', [words, tokens]));
  return graph.op('Reshape', [gathered, graph.constant('i64', [-1, size])]);
}

function encoder(graph: Graph, source: Source, config: T5Config): void {
  const { size, heads, headSize, encoderLayers, epsilon } = config;
  const layers = createLayers(graph, graph, source);
  const { tokens, length, shape } = tokenInputs(graph);
  const shape3d = graph.op('Concat', [shape, graph.constant('i64', [heads * headSize])], { axis: 0 });
  const places = graph.op('Range', [graph.constant('i64', 0), length, graph.constant('i64', 1)]);
  const row = graph.op('Unsqueeze', [places, graph.constant('i64', [0])]);
  const column = graph.op('Unsqueeze', [places, graph.constant('i64', [1])]);
  const bias = relativeBias(layers, config, 'encoder', graph.op('Sub', [row, column]));
  const scoreBias = graph.op('Unsqueeze', [bias, graph.constant('i64', [0])]);

  let hidden = embed(layers, config, tokens);
  for (let layer = 0; layer < encoderLayers; layer++) {
    const name = `encoder.block.${layer}.layer`;
    const own = `${name}.0.SelfAttention`;
    const input = layers.operand(layers.rmsNorm(hidden, `${name}.0.layer_norm.weight`, size, epsilon));
    const names = { query: `${own}.q`, key: `${own}.k`, value: `${own}.v` };
    const projected = projectAll(layers, attentionOf(config), names, input, { biased: false });
    const attended = attendAll(layers, attentionOf(config), projected, { shape3d, scoreBias, scale: 1 });
    hidden = graph.op('Add', [hidden, project(layers, config, own, attended)]);
    hidden = forward(layers, config, `${name}.1`, hidden);
  }
  const output = layers.operand(layers.rmsNorm(hidden, 'encoder.final_layer_norm.weight', size, epsilon));
  const cross = (layer: number, part: 'key' | 'value') =>
    layers.linear(
      output,
      `decoder.block.${layer}.layer.1.EncDecAttention.${part.charAt(0)}`,
      ...([size, heads * headSize] as const),
      { bias: null },
    );
  crossValues(layers, { layers: config.decoderLayers, heads, headSize }, shape, cross);
}

function attentionOf({ size, heads, headSize }: T5Config): AttentionShape {
  return { size, heads, headSize };
}

/** Output projection of an attention, in fp32. */
function project(layers: Layers, { size, heads, headSize }: T5Config, name: string, attended: string): string {
  return layers.exact(layers.linear(layers.operand(attended), `${name}.o`, heads * headSize, size, { bias: null }));
}

/**
 * hidden + wo(relu(wi(norm(hidden)))), or wo(gelu(wi_0(…)) × wi_1(…)). In half precision `wo` and the sum overflow in
 * trained checkpoints: both stay in fp32, as in transformers (`_keep_in_fp32_modules`), and so does the product before.
 */
function forward(layers: Layers, { size, inner, epsilon, gated }: T5Config, name: string, hidden: string): string {
  const { graph } = layers;
  const input = layers.operand(layers.rmsNorm(hidden, `${name}.layer_norm.weight`, size, epsilon));
  const open = (part: string) => layers.linear(input, `${name}.DenseReluDense.${part}`, size, inner, { bias: null });
  let active: Operand;
  if (gated) {
    const gate = layers.exact(layers.activation(open('wi_0'), 'gelu_new'));
    active = layers.operand(graph.op('Mul', [gate, layers.exact(open('wi_1'))]), { exact: true });
  } else {
    active = layers.operand(layers.activation(open('wi'), 'relu'), { lowerBound: 0, exact: true });
  }
  const closed = layers.linear(active, `${name}.DenseReluDense.wo`, inner, size, { bias: null });
  return graph.op('Add', [hidden, closed]);
}

function decoder(source: Source, config: T5Config): DecoderPlan {
  const { size, vocabulary, tied, heads, headSize, decoderLayers } = config;
  const shape = { layers: decoderLayers, heads, headSize };
  return {
    sources: crossSources(shape),
    shape,
    caches: cachesOf(shape),
    head: { weight: tied ? embeddingName(source.tensors) : 'lm_head.weight', size, vocabulary, bias: null },
    step: (step) => decoderStep(source, config, step),
  };
}

/** Bias of the scores of one token at place `past` of its output, fp32 [1, heads, 1, past + 1]. */
function stepBias(layers: Layers, config: T5Config, past: string): string {
  const { graph } = layers;
  const { constant } = graph;
  const last = graph.op('Squeeze', [past]);
  const places = graph.op('Range', [
    constant('i64', 0),
    graph.op('Add', [last, constant('i64', 1)]),
    constant('i64', 1),
  ]);
  const bias = relativeBias(layers, config, 'decoder', graph.op('Sub', [places, last]));
  return graph.op('Unsqueeze', [bias, constant('i64', [0, 2])]);
}

/** Computes one token per row. */
function decoderStep(source: Source, config: T5Config, { root, body, tokens, caches, read, texts }: Step): StepResult {
  const { size, heads, headSize, decoderLayers, epsilon, tied } = config;
  const layers = createLayers(root, body, source);
  const shape = attentionOf(config);
  const past = body.op('Shape', [caches[0] ?? ''], { start: 2, end: 3 });
  const bias = stepBias(layers, config, past);
  const linear = (input: Operand, name: string) => layers.linear(input, name, size, heads * headSize, { bias: null });
  const normed = (value: string, name: string) => layers.operand(layers.rmsNorm(value, name, size, epsilon));

  let hidden = embed(layers, config, tokens);
  const grown: string[] = [];
  for (let layer = 0; layer < decoderLayers; layer++) {
    const name = `decoder.block.${layer}.layer`;
    const own = `${name}.0.SelfAttention`;
    const input = normed(hidden, `${name}.0.layer_norm.weight`);
    const query = linear(input, `${own}.q`);
    const keys = appendToCache(body, shape, caches[2 * layer], linear(input, `${own}.k`));
    const values = appendToCache(body, shape, caches[2 * layer + 1], linear(input, `${own}.v`));
    grown.push(keys, values);
    const attended = attendFromOne(layers, shape, query, { keys, values, mask: bias, texts: null });
    hidden = body.op('Add', [hidden, project(layers, config, own, attended)]);

    const across = `${name}.1.EncDecAttention`;
    const crossQuery = linear(normed(hidden, `${name}.1.layer_norm.weight`), `${across}.q`);
    const seen = attendFromOne(layers, shape, crossQuery, { ...crossOf(read, layer), texts });
    hidden = body.op('Add', [hidden, project(layers, config, across, seen)]);
    hidden = forward(layers, config, `${name}.2`, hidden);
  }
  const output = layers.rmsNorm(hidden, 'decoder.final_layer_norm.weight', size, epsilon);
  // Tied embeddings have the scale of words, not of an output matrix.
  const scaled = tied ? body.op('Mul', [output, body.constant('f32', size ** -0.5)]) : output;
  return { hidden: layers.operand(scaled), caches: grown };
}
