import type { Fields } from '../checkpoint/config/fields.ts';
import { activation, type Description, headSize, integerOr, layerCount, layers, refuse } from './description.ts';
import { block, embedding, layerNorm, linear, list, type Module } from './module.ts';

/** PyTorch's own: the class sets none. */
const EPSILON = 1e-5;
/** Positions of this family start at 2. */
const OFFSET = 2;

/** BartForConditionalGeneration (transformers, models/bart/modeling_bart.py); defaults of BartConfig. */
export function describeBart(fields: Fields): Description {
  refuse(fields, { normalize_before: false, add_final_layer_norm: false, static_position_embeddings: false });
  const width = fields.size('d_model', 1024);
  const vocabulary = fields.size('vocab_size', 50265);
  const positions = fields.size('max_position_embeddings', 1024);
  const padding = integerOr(fields, 'pad_token_id', 1);
  const function_ = fields.string('activation_function', 'gelu');
  const tied = fields.boolean('tie_word_embeddings', true);
  const half = (side: 'encoder' | 'decoder') => ({
    count: layerCount(fields, `${side}_layers`, 12),
    heads: fields.size(`${side}_attention_heads`, 16),
    inner: fields.size(`${side}_ffn_dim`, 4096),
  });
  const encoder = half('encoder');
  const decoder = half('decoder');
  headSize(fields, width, decoder.heads);

  const words = embedding(vocabulary, width, padding, 'BartScaledWordEmbedding');
  const norm = layerNorm(width, EPSILON);
  const attention = block('BartAttention', {
    k_proj: linear(width, width),
    v_proj: linear(width, width),
    q_proj: linear(width, width),
    out_proj: linear(width, width),
  });
  const act = activation(fields, 'activation_function', function_);
  const feedForward = (inner: number) => ({
    fc1: linear(width, inner),
    fc2: linear(inner, width),
    final_layer_norm: norm,
  });
  const stack = (className: string, layerList: readonly Module[]) =>
    block(className, {
      embed_tokens: words,
      embed_positions: embedding(positions + OFFSET, width, null, 'BartLearnedPositionalEmbedding'),
      layers: list(layerList),
      layernorm_embedding: norm,
    });
  const encoderLayer = block('BartEncoderLayer', {
    self_attn: attention,
    self_attn_layer_norm: norm,
    activation_fn: act,
    ...feedForward(encoder.inner),
  });
  const decoderLayer = block('BartDecoderLayer', {
    self_attn: attention,
    activation_fn: act,
    self_attn_layer_norm: norm,
    encoder_attn: attention,
    encoder_attn_layer_norm: norm,
    ...feedForward(decoder.inner),
  });
  return {
    tree: block('BartForConditionalGeneration', {
      model: block('BartModel', {
        shared: words,
        encoder: stack(
          'BartEncoder',
          layers(encoder.count, () => encoderLayer),
        ),
        decoder: stack(
          'BartDecoder',
          layers(decoder.count, () => decoderLayer),
        ),
      }),
      lm_head: linear(width, vocabulary, false),
    }),
    shared: new Map([
      ['model.encoder.embed_tokens.weight', 'model.shared.weight'],
      ['model.decoder.embed_tokens.weight', 'model.shared.weight'],
      ...(tied ? [['lm_head.weight', 'model.shared.weight'] as const] : []),
    ]),
    buffers: new Map([['final_logits_bias', [1, vocabulary]]]),
    base: 'model',
    obsolete: /^model\.(encoder|decoder)\.version$/,
    part: (name) => {
      if (/shared|embed_tokens|embed_positions|layernorm_embedding/.test(name)) return 'embeddings';
      if (name.startsWith('model.encoder.')) return 'encoder';
      return name.startsWith('model.decoder.') ? 'decoder' : 'head';
    },
    traits: {
      family: 'encoder-decoder',
      attention: 'encoder: both ways; decoder: left to right, and over the encoder',
      encoderLayers: encoder.count,
      decoderLayers: decoder.count,
      heads: encoder.heads,
      headSize: headSize(fields, width, encoder.heads),
      width,
      inner: encoder.inner,
      gated: false,
      norm: 'LayerNorm',
      normPlace: 'after each sublayer',
      positions: 'learned, absolute',
      context: positions,
      activation: function_,
      biases: true,
      tied,
      objective: 'the target text, token by token, given the source',
      labels: null,
      vocabulary,
    },
  };
}
