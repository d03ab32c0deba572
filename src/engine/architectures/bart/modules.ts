import type { Fields } from '../../checkpoint/config/fields.ts';
import { integerOr, printedActivation, refuseUnprinted } from '../config-fields.ts';
import type { Description } from '../description.ts';
import { block, embedding, layerNorm, linear, list, type Module, repeat } from '../module.ts';
import { EPSILON, POSITION_OFFSET, readBartConfig } from './config.ts';

/** BartForConditionalGeneration (transformers, models/bart/modeling_bart.py). */
export function describeBart(fields: Fields): Description {
  refuseUnprinted(fields, { normalize_before: false, add_final_layer_norm: false, static_position_embeddings: false });
  const { size: width, vocabulary, positions, encoder, decoder, activation, tied } = readBartConfig(fields);
  const padding = integerOr(fields, 'pad_token_id', 1);

  const words = embedding(vocabulary, width, padding, 'BartScaledWordEmbedding');
  const norm = layerNorm(width, EPSILON);
  const attention = block('BartAttention', {
    k_proj: linear(width, width),
    v_proj: linear(width, width),
    q_proj: linear(width, width),
    out_proj: linear(width, width),
  });
  const act = printedActivation(fields, 'activation_function', activation);
  const feedForward = (inner: number) => ({
    fc1: linear(width, inner),
    fc2: linear(inner, width),
    final_layer_norm: norm,
  });
  const stack = (className: string, layerList: readonly Module[]) =>
    block(className, {
      embed_tokens: words,
      embed_positions: embedding(positions + POSITION_OFFSET, width, null, 'BartLearnedPositionalEmbedding'),
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
          repeat(encoder.layers, () => encoderLayer),
        ),
        decoder: stack(
          'BartDecoder',
          repeat(decoder.layers, () => decoderLayer),
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
      encoderLayers: encoder.layers,
      decoderLayers: decoder.layers,
      heads: encoder.heads,
      headSize: width / encoder.heads,
      width,
      inner: encoder.inner,
      gated: false,
      norm: 'LayerNorm',
      normPlace: 'after each sublayer',
      positions: 'learned, absolute',
      context: positions,
      activation,
      biases: true,
      tied,
      objective: 'the target text, token by token, given the source',
      labels: null,
      vocabulary,
    },
  };
}
