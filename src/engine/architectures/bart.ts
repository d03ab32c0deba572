import type { Fields } from '../checkpoint/fields.ts';
import { greedyToken } from '../compile/languageModelHead.ts';
import {
  type Activation,
  createLayers,
  foldValueBias,
  type Layers,
  lowerBoundOf,
  type Source,
} from '../compile/layers.ts';
import { createGraph, encodeModel, type Graph } from '../onnx/graph.ts';

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

/** Which tokens end a row, and what a row that has ended is padded with. */
export interface EndTokens {
  readonly endTokens: readonly number[];
  readonly padToken: number;
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
const MASKED = -1e9;

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
  const activation = fields.string('activation_function', 'gelu');
  if (activation !== 'gelu' && activation !== 'relu') {
    throw fields.error(`activation_function "${activation}" is not supported: gelu and relu are`);
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
    activation,
    embeddingScale: fields.boolean('scale_embedding', false) ? Math.sqrt(size) : 1,
    tied: fields.boolean('tie_word_embeddings', true),
  };
}

type Side = 'encoder' | 'decoder';

/** Token embedding (times its scale) + position embedding, normalised; fp32 [tokens, size]. */
function embed(
  layers: Layers,
  graph: Graph,
  source: Source,
  config: BartConfig,
  side: Side,
  tokens: string,
  positions: string,
) {
  const { size, vocabulary } = config;
  const prefix = `model.${side}`;
  const words = layers.parameter(embeddingName(source, side), [vocabulary, size]);
  const places = layers.parameter(`${prefix}.embed_positions.weight`, [config.positions + POSITION_OFFSET, size]);
  const word = graph.op('Gather', [words, tokens]);
  const scaled =
    config.embeddingScale === 1 ? word : graph.op('Mul', [word, graph.constant('f32', config.embeddingScale)]);
  const sum = graph.op('Add', [scaled, graph.op('Gather', [places, positions])]);
  const flat = graph.op('Reshape', [sum, graph.constant('i64', [-1, size])]);
  return layers.layerNorm(flat, `${prefix}.layernorm_embedding`, size, EPSILON);
}

/** Older files hold the embeddings of both sides under their own names, newer ones once, as `model.shared`. */
function embeddingName(source: Source, side: Side): string {
  const own = `model.${side}.embed_tokens.weight`;
  return source.tensors.has(own) ? own : 'model.shared.weight';
}

/** LayerNorm(projection of an attention's output + residual), with the value bias folded into the projection's. */
function closeAttention(
  layers: Layers,
  graph: Graph,
  source: Source,
  config: BartConfig,
  name: string,
  norm: string,
  attended: string,
  residual: string,
) {
  const { size } = config;
  const bias = foldValueBias(source.tensors, `${name}.out_proj`, `${name}.v_proj`, size);
  const projected = layers.linear(layers.operand(attended), `${name}.out_proj`, size, size, { bias });
  return layers.layerNorm(graph.op('Add', [projected, residual]), norm, size, EPSILON);
}

function feedForward(layers: Layers, graph: Graph, config: BartConfig, inner: number, name: string, input: string) {
  const { size, activation } = config;
  const opened = layers.linear(layers.operand(input), `${name}.fc1`, size, inner, { biasAsRow: true });
  const active = layers.operand(layers.activation(opened, activation), { lowerBound: lowerBoundOf(activation) });
  const closed = layers.linear(active, `${name}.fc2`, inner, size);
  return layers.layerNorm(graph.op('Add', [closed, input]), `${name}.final_layer_norm`, size, EPSILON);
}

/**
 * The encoder, with the keys and values that the decoder's layers make of its output.
 *
 * Inputs: `tokens` int64 [rows, length], `mask` int32 [rows, length] (1 for a token, 0 for padding).
 * Outputs for each decoder layer: `cross_key_N` and `cross_value_N`, fp32 [rows, heads, length, head size].
 */
export function bartEncoder(source: Source, config: BartConfig): Uint8Array {
  const { size, encoder, decoder } = config;
  const graph = createGraph('encoder');
  const layers = createLayers(graph, graph, source);
  graph.input('tokens', 'i64', ['rows', 'length']);
  graph.input('mask', 'i32', ['rows', 'length']);

  const shape = graph.op('Shape', ['tokens']);
  const length = graph.op('Squeeze', [graph.op('Shape', ['tokens'], { start: 1, end: 2 })]);
  const offset = graph.constant('i64', POSITION_OFFSET);
  const positions = graph.op('Range', [offset, graph.op('Add', [length, offset]), graph.constant('i64', 1)]);
  const to3d = graph.op('Concat', [shape, graph.constant('i64', [size])], { axis: 0 });
  const flat = (value: string) => graph.op('Reshape', [value, graph.constant('i64', [-1, size])]);

  let hidden = embed(layers, graph, source, config, 'encoder', 'tokens', positions);
  for (let layer = 0; layer < encoder.layers; layer++) {
    const name = `model.encoder.layers.${layer}`;
    const input = layers.operand(hidden);
    const [query, key, value] = (['q', 'k', 'v'] as const).map((part) => {
      const bias = part === 'q' ? {} : { bias: null };
      const projected = layers.linear(input, `${name}.self_attn.${part}_proj`, size, size, bias);
      return graph.op('Reshape', [projected, to3d]);
    }) as [string, string, string];
    const attended = graph.op(
      'MultiHeadAttention',
      [query, key, value, '', 'mask'],
      { num_heads: encoder.heads, mask_filter_value: { float: MASKED } },
      { domain: 'com.microsoft' },
    );
    const norm = `${name}.self_attn_layer_norm`;
    const mixed = closeAttention(layers, graph, source, config, `${name}.self_attn`, norm, flat(attended), hidden);
    hidden = feedForward(layers, graph, config, encoder.inner, name, mixed);
  }

  const headSize = size / decoder.heads;
  const to4d = graph.op('Concat', [shape, graph.constant('i64', [decoder.heads, headSize])], { axis: 0 });
  const output = layers.operand(hidden);
  for (let layer = 0; layer < decoder.layers; layer++) {
    for (const part of ['key', 'value'] as const) {
      const name = `model.decoder.layers.${layer}.encoder_attn.${part.charAt(0)}_proj`;
      const projected = graph.op('Reshape', [layers.linear(output, name, size, size, { bias: null }), to4d]);
      graph.op('Transpose', [projected], { perm: [0, 2, 1, 3] }, { outputs: [`cross_${part}_${layer}`] });
      graph.output(`cross_${part}_${layer}`, 'f32', ['rows', decoder.heads, 'length', headSize]);
    }
  }
  return encodeModel(graph);
}

/**
 * The decoder with the generation loop inside: greedy steps until `forced` is used up or at most `stop_alive` rows
 * have not ended.
 *
 * Inputs: `tokens` int64 [rows], the last token of each row, none of them ended; `forced` int64 [steps], for each step
 * the token that every row must give, or -1; `stop_alive` int64; `cross_mask` fp32 [rows, 1, 1, length] (0 or -1e9);
 * for each layer `cross_key_N`, `cross_value_N` of the encoder and `key_N`, `value_N` fp32 [rows, heads, past, head size].
 * Outputs: `generated` int64 [steps done, rows], and `next_key_N`, `next_value_N`.
 */
export function bartDecoder(source: Source, config: BartConfig, end: EndTokens): Uint8Array {
  const { size, decoder } = config;
  const headSize = size / decoder.heads;
  const graph = createGraph('decoder');
  graph.input('tokens', 'i64', ['rows']);
  graph.input('forced', 'i64', ['steps']);
  graph.input('stop_alive', 'i64', []);
  graph.input('cross_mask', 'f32', ['rows', 1, 1, 'length']);
  const caches: string[] = [];
  for (let layer = 0; layer < decoder.layers; layer++) {
    for (const part of ['key', 'value']) {
      graph.input(`cross_${part}_${layer}`, 'f32', ['rows', decoder.heads, 'length', headSize]);
      caches.push(graph.input(`${part}_${layer}`, 'f32', ['rows', decoder.heads, 'past', headSize]));
    }
  }
  const body = decoderStep(graph, source, config, end);
  const ended = graph.op('Expand', [graph.constant('bool', 0), graph.op('Shape', ['tokens'])]);
  const steps = graph.op('Squeeze', [graph.op('Shape', ['forced'])]);
  const outputs = [graph.name('tokens'), graph.name('ended'), ...caches.map((name) => `next_${name}`), 'generated'];
  graph.ops('Loop', [steps, graph.constant('bool', 1), 'tokens', ended, ...caches], outputs, { body });
  for (const name of caches) graph.output(`next_${name}`, 'f32', ['rows', decoder.heads, 'all', headSize]);
  graph.output('generated', 'i64', ['done', 'rows']);
  return encodeModel(graph);
}

/** Body of the loop: one token for each row. */
function decoderStep(root: Graph, source: Source, config: BartConfig, end: EndTokens): Graph {
  const { size, decoder } = config;
  const headSize = size / decoder.heads;
  const scale = headSize ** -0.5;
  const body = createGraph('step');
  const layers = createLayers(root, body, source);
  body.input('iteration', 'i64', []);
  body.input('condition', 'bool', []);
  body.input('step_tokens', 'i64', ['rows']);
  body.input('step_ended', 'bool', ['rows']);
  const column = (value: string) => body.op('Reshape', [value, body.constant('i64', [-1, decoder.heads, headSize, 1])]);
  const asRow = (value: string) => body.op('Reshape', [value, body.constant('i64', [-1, decoder.heads, 1, headSize])]);
  const flat = (value: string) => body.op('Reshape', [value, body.constant('i64', [-1, size])]);
  const scoresOf = (keys: string, query: string) =>
    body.op('Reshape', [body.op('MatMul', [keys, column(query)]), body.constant('i64', [0, 0, 1, -1])]);
  const mix = (scores: string, values: string) =>
    flat(body.op('MatMul', [body.op('Softmax', [scores], { axis: -1 }), values]));

  for (let layer = 0; layer < decoder.layers; layer++) {
    for (const part of ['key', 'value'])
      body.input(`step_${part}_${layer}`, 'f32', ['rows', decoder.heads, 'past', headSize]);
  }
  const past = body.op('Shape', ['step_key_0'], { start: 2, end: 3 });
  const position = body.op('Add', [past, body.constant('i64', [POSITION_OFFSET])]);
  let hidden = embed(layers, body, source, config, 'decoder', 'step_tokens', position);
  const caches: string[] = [];
  for (let layer = 0; layer < decoder.layers; layer++) {
    const name = `model.decoder.layers.${layer}`;
    const own = `${name}.self_attn`;
    const input = layers.operand(hidden);
    const query = layers.linear(input, `${own}.q_proj`, size, size, { multiplier: scale });
    const key = layers.linear(input, `${own}.k_proj`, size, size, { bias: null });
    const value = layers.linear(input, `${own}.v_proj`, size, size, { bias: null });
    const keys = body.op('Concat', [`step_key_${layer}`, asRow(key)], { axis: 2 });
    const values = body.op('Concat', [`step_value_${layer}`, asRow(value)], { axis: 2 });
    caches.push(keys, values);
    const attended = mix(scoresOf(keys, query), values);
    const mixed = closeAttention(layers, body, source, config, own, `${own}_layer_norm`, attended, hidden);

    const cross = `${name}.encoder_attn`;
    const crossQuery = layers.linear(layers.operand(mixed), `${cross}.q_proj`, size, size, { multiplier: scale });
    const scores = body.op('Add', [scoresOf(`cross_key_${layer}`, crossQuery), 'cross_mask']);
    const read = mix(scores, `cross_value_${layer}`);
    const informed = closeAttention(layers, body, source, config, cross, `${cross}_layer_norm`, read, mixed);
    hidden = feedForward(layers, body, config, decoder.inner, name, informed);
  }

  const best = greedyToken(root, body, source, layers.operand(hidden), headOf(source, config));
  finishStep(body, best, caches, config, end);
  return body;
}

function headOf(source: Source, config: BartConfig) {
  const { size, vocabulary, tied } = config;
  const weight = tied ? embeddingName(source, 'decoder') : 'lm_head.weight';
  const name = 'final_logits_bias';
  const bias = source.tensors.has(name) ? source.tensors.read(name, [1, vocabulary]) : null;
  return { weight, size, vocabulary, bias: bias?.some((value) => value !== 0) ? bias : null };
}

/** Forced tokens, padding of rows that have ended, and the outputs of the loop's body. */
function finishStep(
  body: Graph,
  best: string,
  caches: readonly string[],
  { decoder, size }: BartConfig,
  end: EndTokens,
): void {
  const forced = body.op('Gather', ['forced', 'iteration']);
  const free = body.op('Less', [forced, body.constant('i64', 0)]);
  const chosen = body.op('Where', [free, best, forced]);
  const next = body.op('Where', ['step_ended', body.constant('i64', end.padToken), chosen]);
  let ended = 'step_ended';
  for (const token of end.endTokens) {
    ended = body.op('Or', [ended, body.op('Equal', [next, body.constant('i64', token)])]);
  }
  const alive = body.op('ReduceSum', [body.op('Cast', [body.op('Not', [ended])], { to: 7 })], { keepdims: 0 });
  body.output(body.op('Greater', [alive, 'stop_alive']), 'bool', []);
  body.output(body.op('Identity', [next]), 'i64', ['rows']);
  body.output(body.op('Identity', [ended]), 'bool', ['rows']);
  for (const cache of caches) body.output(cache, 'f32', ['rows', decoder.heads, 'all', size / decoder.heads]);
  body.output(next, 'i64', ['rows']);
}
