import type { Fields } from '../checkpoint/fields.ts';
import type { Tensors } from '../checkpoint/tensors.ts';
import {
  type AttentionShape,
  attendAll,
  attendFromOne,
  closeAttention,
  feedForward,
  projectAll,
} from '../compile/blocks.ts';
import type { DecoderPlan, DecoderShape, Step, StepResult } from '../compile/decoder-plan.ts';
import type { HeadShape } from '../compile/language-model-head.ts';
import { type Activation, createLayers, type Layers, type Source } from '../compile/layers.ts';
import { createGraph, encodeModel } from '../onnx/graph.ts';
import { readActivation } from './activations.ts';
import { appendToCache, cachesOf, crossOutputs, crossSources, type Generator, tokenInputs } from './generator.ts';

/** Shape of a `BartForConditionalGeneration` (transformers, models/bart). */
export interface BartConfig {
  readonly size: number;
  readonly vocabulary: number;
  readonly positions: number;
  readonly encoder: { readonly layers: number; readonly heads: number; readonly inner: number };
  readonly decoder: { readonly layers: number; readonly heads: number; readonly inner: number };
  readonly activation: Activation;
  readonly embeddingScale: number;
  readonly tied: boolean;
}

/** Generation options that BartConfig of transformers sets when `config.json` is silent. */
export const BART_GENERATION_DEFAULTS = {
  bos_token_id: 0,
  pad_token_id: 1,
  eos_token_id: 2,
  decoder_start_token_id: 2,
  forced_eos_token_id: 2,
} as const;

/** Learned positions start at 2 in this family. */
const POSITION_OFFSET = 2;
const EPSILON = 1e-5;

export function readBartConfig(fields: Fields): BartConfig {
  // Relatives of BART (mBART, Pegasus, the first fairseq exports) put these in config.json.
  const expected = {
    normalize_before: false,
    normalize_embedding: true,
    add_final_layer_norm: false,
    static_position_embeddings: false,
  };
  for (const [name, value] of Object.entries(expected)) {
    if (fields.boolean(name, value) !== value)
      throw fields.error(`${name} = ${!value} is not supported: only the layout of BART is`);
  }
  if (fields.raw('quantization_config') !== undefined)
    throw fields.error('quantization_config is set: only float weights can be read');
  const size = fields.size('d_model');
  const half = (side: 'encoder' | 'decoder') => {
    const heads = fields.size(`${side}_attention_heads`);
    if (size % heads !== 0) throw fields.error(`d_model ${size} is no multiple of ${side}_attention_heads ${heads}`);
    return { layers: fields.size(`${side}_layers`), heads, inner: fields.size(`${side}_ffn_dim`) };
  };
  return {
    size,
    vocabulary: fields.size('vocab_size'),
    positions: fields.size('max_position_embeddings'),
    encoder: half('encoder'),
    decoder: half('decoder'),
    activation: readActivation(fields, 'activation_function', 'gelu'),
    embeddingScale: fields.boolean('scale_embedding', false) ? Math.sqrt(size) : 1,
    tied: fields.boolean('tie_word_embeddings', true),
  };
}

export function bartGenerator(fields: Fields): Generator {
  const config = readBartConfig(fields);
  return {
    shape: decoderShape(config),
    size: config.size,
    vocabulary: config.vocabulary,
    inputPositions: config.positions,
    defaultWindow: config.positions,
    positions: config.positions,
    decoderOnly: false,
    generationDefaults: BART_GENERATION_DEFAULTS,
    encoder: (source) => encoder(source, config),
    decoder: (source) => decoder(source, config),
  };
}

type Side = 'encoder' | 'decoder';

/** Token embedding (times its scale) + position embedding, normalised; fp32 [tokens, size]. */
function embed(layers: Layers, config: BartConfig, side: Side, tokens: string, positions: string): string {
  const { size, vocabulary, embeddingScale } = config;
  const { graph, tensors } = layers;
  const prefix = `model.${side}`;
  const words = layers.parameter(embeddingName(tensors, side), [vocabulary, size]);
  const places = layers.parameter(`${prefix}.embed_positions.weight`, [config.positions + POSITION_OFFSET, size]);
  const word = graph.op('Gather', [words, tokens]);
  const scaled = embeddingScale === 1 ? word : graph.op('Mul', [word, graph.constant('f32', embeddingScale)]);
  const sum = graph.op('Add', [scaled, graph.op('Gather', [places, positions])]);
  const flat = graph.op('Reshape', [sum, graph.constant('i64', [-1, size])]);
  return layers.layerNorm(flat, `${prefix}.layernorm_embedding`, size, EPSILON);
}

/** Files hold the embeddings that both sides share once, under the name that the writer met first. */
function embeddingName(tensors: Tensors, side: Side): string {
  const other = side === 'encoder' ? 'decoder' : 'encoder';
  const names = [`model.${side}.embed_tokens.weight`, 'model.shared.weight', `model.${other}.embed_tokens.weight`];
  return names.find((name) => tensors.has(name)) ?? 'model.shared.weight';
}

function closeNames(name: string, attention: 'self_attn' | 'encoder_attn') {
  const prefix = `${name}.${attention}`;
  return { output: `${prefix}.out_proj`, value: `${prefix}.v_proj`, norm: `${prefix}_layer_norm` };
}

function closeLayer(
  layers: Layers,
  { size, activation }: BartConfig,
  inner: number,
  name: string,
  input: string,
): string {
  const names = { open: `${name}.fc1`, close: `${name}.fc2`, norm: `${name}.final_layer_norm` };
  return feedForward(layers, { size, inner, activation, epsilon: EPSILON }, names, input);
}

function attentionOf({ size }: BartConfig, { heads }: { readonly heads: number }): AttentionShape {
  return { size, heads, headSize: size / heads };
}

function encoder(source: Source, config: BartConfig): Uint8Array {
  const { size } = config;
  const graph = createGraph('encoder');
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
    const attended = attendAll(layers, heads, projectAll(layers, heads, names, layers.operand(hidden)), {
      shape3d,
      mask: 'mask',
    });
    const norm = { size, epsilon: EPSILON };
    hidden = closeAttention(layers, norm, closeNames(name, 'self_attn'), { attended, residual: hidden });
    hidden = closeLayer(layers, config, config.encoder.inner, name, hidden);
  }
  const input = layers.operand(hidden);
  crossOutputs(graph, decoderShape(config), shape, (layer, part) => {
    const name = `model.decoder.layers.${layer}.encoder_attn.${part.charAt(0)}_proj`;
    return layers.linear(input, name, size, size, { bias: null });
  });
  return encodeModel(graph);
}

function decoderShape({ size, decoder: { layers, heads } }: BartConfig): DecoderShape {
  return { layers, heads, headSize: size / heads };
}

function decoder(source: Source, config: BartConfig): DecoderPlan {
  const shape = decoderShape(config);
  return {
    sources: crossSources(shape),
    caches: cachesOf(shape),
    head: headOf(source.tensors, config),
    step: (step) => decoderStep(source, config, step),
  };
}

/** One token for each row. */
function decoderStep(source: Source, config: BartConfig, { root, body, tokens, caches, texts }: Step): StepResult {
  const { size, decoder } = config;
  const heads = attentionOf(config, decoder);
  const norm = { size, epsilon: EPSILON };
  const layers = createLayers(root, body, source);
  const query = { multiplier: 1 / Math.sqrt(heads.headSize) };
  const past = body.op('Shape', [caches[0] ?? ''], { start: 2, end: 3 });
  const position = body.op('Add', [past, body.constant('i64', [POSITION_OFFSET])]);

  let hidden = embed(layers, config, 'decoder', tokens, position);
  const grown: string[] = [];
  for (let layer = 0; layer < decoder.layers; layer++) {
    const name = `model.decoder.layers.${layer}`;
    const own = `${name}.self_attn`;
    const input = layers.operand(hidden);
    const ownQuery = layers.linear(input, `${own}.q_proj`, size, size, query);
    const keys = appendToCache(
      body,
      heads,
      caches[2 * layer],
      layers.linear(input, `${own}.k_proj`, size, size, { bias: null }),
    );
    const values = appendToCache(
      body,
      heads,
      caches[2 * layer + 1],
      layers.linear(input, `${own}.v_proj`, size, size, { bias: null }),
    );
    grown.push(keys, values);
    const attended = attendFromOne(layers, heads, ownQuery, { keys, values, mask: null, texts: null });
    hidden = closeAttention(layers, norm, closeNames(name, 'self_attn'), { attended, residual: hidden });

    const crossQuery = layers.linear(layers.operand(hidden), `${name}.encoder_attn.q_proj`, size, size, query);
    const cross = { keys: `cross_key_${layer}`, values: `cross_value_${layer}`, mask: 'cross_mask', texts };
    const read = attendFromOne(layers, heads, crossQuery, cross);
    hidden = closeAttention(layers, norm, closeNames(name, 'encoder_attn'), { attended: read, residual: hidden });
    hidden = closeLayer(layers, config, decoder.inner, name, hidden);
  }
  return { hidden: layers.operand(hidden), caches: grown };
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
