import type { Fields } from '../../checkpoint/config/fields.ts';
import type { Tensors } from '../../checkpoint/weights/tensors.ts';
import {
  type AttentionShape,
  attendAll,
  attendFromOne,
  projectAll,
  projectAttention,
  projectForward,
} from '../../compile/blocks.ts';
import type { DecoderPlan, Step, StepResult } from '../../compile/decoder-plan.ts';
import type { HeadShape } from '../../compile/language-model-head.ts';
import { type Activation, createLayers, type Layers, type Operand, type Source } from '../../compile/layers.ts';
import type { Graph } from '../../onnx/graph.ts';
import type { DecoderShape } from '../../onnx/values.ts';
import { computedActivation, refuseQuantized } from '../config-fields.ts';
import {
  appendToCache,
  cachesOf,
  crossOf,
  crossSources,
  crossValues,
  type Generator,
  tokenInputs,
} from '../generator.ts';
import { type BartConfig, EPSILON, POSITION_OFFSET, readBartConfig } from './config.ts';

/** A config that the graphs can follow. */
type RunnableBart = Omit<BartConfig, 'activation'> & { readonly activation: Activation };

/** Generation options that `BartConfig` of transformers sets if `config.json` does not. */
export const BART_GENERATION_DEFAULTS = {
  bos_token_id: 0,
  pad_token_id: 1,
  eos_token_id: 2,
  decoder_start_token_id: 2,
  forced_eos_token_id: 2,
} as const;

function readRunnable(fields: Fields, family: 'bart' | 'mbart'): RunnableBart {
  if (fields.boolean('static_position_embeddings', false)) {
    throw fields.error('static_position_embeddings = true is not supported: positions must be learned');
  }
  refuseQuantized(fields);
  const config = readBartConfig(fields, family);
  return { ...config, activation: computedActivation(fields, 'activation_function', config.activation) };
}

export function bartGenerator(fields: Fields): Generator {
  return generator(readRunnable(fields, 'bart'), BART_GENERATION_DEFAULTS);
}

/** MBart names no start token: it depends on the language of the output. */
export function mbartGenerator(fields: Fields): Generator {
  const { decoder_start_token_id: _, bos_token_id: __, ...defaults } = BART_GENERATION_DEFAULTS;
  return generator(readRunnable(fields, 'mbart'), defaults);
}

function generator(config: RunnableBart, generationDefaults: Generator['generationDefaults']): Generator {
  return {
    shape: decoderShape(config),
    size: config.size,
    vocabulary: config.vocabulary,
    inputPositions: config.positions,
    defaultWindow: config.positions,
    positions: config.positions,
    decoderOnly: false,
    generationDefaults,
    encoder: (graph, source) => encoder(graph, source, config),
    decoder: (source) => decoder(source, config),
  };
}

type Side = 'encoder' | 'decoder';

/** Token embedding (times its scale) + position embedding, normalised; fp32 [tokens, size]. */
function embed(layers: Layers, config: RunnableBart, side: Side, tokens: string, positions: string): string {
  const { size, vocabulary, embeddingScale } = config;
  const { graph, tensors } = layers;
  const prefix = `model.${side}`;
  const words = layers.table(embeddingName(tensors, side), [vocabulary, size]);
  const places = layers.parameter(`${prefix}.embed_positions.weight`, [config.positions + POSITION_OFFSET, size]);
  const word = layers.exact(graph.op('Gather', [words, tokens]));
  const scaled = embeddingScale === 1 ? word : graph.op('Mul', [word, graph.constant('f32', embeddingScale)]);
  const sum = graph.op('Add', [scaled, graph.op('Gather', [places, positions])]);
  const flat = graph.op('Reshape', [sum, graph.constant('i64', [-1, size])]);
  return config.normalizeEmbedding ? layers.layerNorm(flat, `${prefix}.layernorm_embedding`, size, EPSILON) : flat;
}

/** Files hold the embeddings that both sides share once, under the name that the writer met first. */
function embeddingName(tensors: Tensors, side: Side): string {
  const other = side === 'encoder' ? 'decoder' : 'encoder';
  const names = [`model.${side}.embed_tokens.weight`, 'model.shared.weight', `model.${other}.embed_tokens.weight`];
  return names.find((name) => tensors.has(name)) ?? 'model.shared.weight';
}

/** A part of a layer with its norm and its sum: norm(part(hidden) + hidden), or hidden + part(norm(hidden)). */
function around(
  layers: Layers,
  { size, normalizeBefore }: BartConfig,
  norm: string,
  hidden: string,
  part: (input: Operand) => string,
): string {
  const normed = (value: string) => layers.layerNorm(value, norm, size, EPSILON);
  const sum = layers.graph.op('Add', [part(layers.operand(normalizeBefore ? normed(hidden) : hidden)), hidden]);
  return normalizeBefore ? sum : normed(sum);
}

function forward(layers: Layers, config: RunnableBart, inner: number, name: string, hidden: string): string {
  const names = { open: `${name}.fc1`, close: `${name}.fc2` };
  return around(layers, config, `${name}.final_layer_norm`, hidden, (input) =>
    projectForward(layers, { size: config.size, inner, activation: config.activation }, names, input),
  );
}

/** Output of a side, as the head or the cross-attention reads it. */
function outputOf(layers: Layers, { size, finalNorm }: BartConfig, side: Side, hidden: string): Operand {
  return layers.operand(finalNorm ? layers.layerNorm(hidden, `model.${side}.layer_norm`, size, EPSILON) : hidden);
}

/** The projection that ends an attention. */
function project(layers: Layers, { size }: BartConfig, attention: string, attended: string): string {
  return projectAttention(layers, size, { output: `${attention}.out_proj`, value: `${attention}.v_proj` }, attended);
}

function attentionOf({ size }: BartConfig, { heads }: { readonly heads: number }): AttentionShape {
  return { size, heads, headSize: size / heads };
}

function encoder(graph: Graph, source: Source, config: RunnableBart): void {
  const { size } = config;
  const layers = createLayers(graph, graph, source);
  const { tokens, length, shape } = tokenInputs(graph);
  const offset = graph.constant('i64', POSITION_OFFSET);
  const positions = graph.op('Range', [offset, graph.op('Add', [length, offset]), graph.constant('i64', 1)]);
  const shape3d = graph.op('Concat', [shape, graph.constant('i64', [size])], { axis: 0 });

  let hidden = embed(layers, config, 'encoder', tokens, positions);
  for (let layer = 0; layer < config.encoder.layers; layer++) {
    const name = `model.encoder.layers.${layer}`;
    const own = `${name}.self_attn`;
    const names = { query: `${own}.q_proj`, key: `${own}.k_proj`, value: `${own}.v_proj` };
    const heads = attentionOf(config, config.encoder);
    hidden = around(layers, config, `${own}_layer_norm`, hidden, (input) => {
      const projected = projectAll(layers, heads, names, input);
      return project(layers, config, own, attendAll(layers, heads, projected, { shape3d }));
    });
    hidden = forward(layers, config, config.encoder.inner, name, hidden);
  }
  const input = outputOf(layers, config, 'encoder', hidden);
  crossValues(layers, decoderShape(config), shape, (layer, part) => {
    const name = `model.decoder.layers.${layer}.encoder_attn.${part.charAt(0)}_proj`;
    return layers.linear(input, name, size, size, { bias: null });
  });
}

function decoderShape({ size, decoder: { layers, heads } }: BartConfig): DecoderShape {
  return { layers, heads, headSize: size / heads };
}

function decoder(source: Source, config: RunnableBart): DecoderPlan {
  const shape = decoderShape(config);
  return {
    sources: crossSources(shape),
    shape,
    caches: cachesOf(shape),
    head: headOf(source.tensors, config),
    step: (step) => decoderStep(source, config, step),
  };
}

/** Computes one token per row. */
function decoderStep(
  source: Source,
  config: RunnableBart,
  { root, body, tokens, caches, read, texts }: Step,
): StepResult {
  const { size, decoder } = config;
  const heads = attentionOf(config, decoder);
  const layers = createLayers(root, body, source);
  const query = { multiplier: 1 / Math.sqrt(heads.headSize) };
  const past = body.op('Shape', [caches[0] ?? ''], { start: 2, end: 3 });
  const position = body.op('Add', [past, body.constant('i64', [POSITION_OFFSET])]);

  let hidden = embed(layers, config, 'decoder', tokens, position);
  const grown: string[] = [];
  for (let layer = 0; layer < decoder.layers; layer++) {
    const name = `model.decoder.layers.${layer}`;
    const own = `${name}.self_attn`;
    const names = { query: `${own}.q_proj`, key: `${own}.k_proj`, value: `${own}.v_proj` };
    hidden = around(layers, config, `${own}_layer_norm`, hidden, (input) => {
      const projected = projectAll(layers, heads, names, input, query);
      const keys = appendToCache(body, heads, caches[2 * layer], projected.key);
      const values = appendToCache(body, heads, caches[2 * layer + 1], projected.value);
      grown.push(keys, values);
      const attended = attendFromOne(layers, heads, projected.query, { keys, values, mask: null, texts: null });
      return project(layers, config, own, attended);
    });

    const across = `${name}.encoder_attn`;
    hidden = around(layers, config, `${across}_layer_norm`, hidden, (input) => {
      const crossQuery = layers.linear(input, `${across}.q_proj`, size, size, query);
      const cross = { ...crossOf(read, layer), texts };
      return project(layers, config, across, attendFromOne(layers, heads, crossQuery, cross));
    });
    hidden = forward(layers, config, decoder.inner, name, hidden);
  }
  return { hidden: outputOf(layers, config, 'decoder', hidden), caches: grown };
}

function headOf(tensors: Tensors, { size, vocabulary, tied }: BartConfig): HeadShape {
  const name = 'final_logits_bias';
  const bias = tensors.has(name) ? tensors.read(name, [1, vocabulary]) : null;
  return {
    weight: tied ? embeddingName(tensors, 'decoder') : 'lm_head.weight',
    size,
    vocabulary,
    bias: bias?.some((value) => value !== 0) ? bias : null,
  };
}
