import type { Fields } from '../../checkpoint/config/fields.ts';
import { printedActivation } from '../config-fields.ts';
import type { Description } from '../description.ts';
import { block, dropout, embedding, linear, list, type Module, own, repeat } from '../module.ts';
import { readT5Config } from './config.ts';

/** T5ForConditionalGeneration (transformers, models/t5/modeling_t5.py) as it prints without apex. */
export function describeT5(fields: Fields): Description {
  const config = readT5Config(fields);
  const { size: width, vocabulary, heads, headSize, inner, encoderLayers, decoderLayers } = config;
  const { projection, gated, buckets, maxDistance, tied } = config;
  const activation = projection === 'gated-gelu' ? 'gelu_new' : projection.replace(/^gated-/, '');
  const drop = dropout(fields.number('dropout_rate', 0.1));

  const words = embedding(vocabulary, width);
  const norm = { ...block('T5LayerNorm', {}), parameters: [own('weight', [width])] };
  const attention = (withPositions: boolean) =>
    block('T5Attention', {
      q: linear(width, heads * headSize, false),
      k: linear(width, heads * headSize, false),
      v: linear(width, heads * headSize, false),
      o: linear(heads * headSize, width, false),
      ...(withPositions ? { relative_attention_bias: embedding(buckets, heads) } : {}),
    });
  const act = printedActivation(fields, 'feed_forward_proj', activation);
  const dense = gated
    ? block('T5DenseGatedActDense', {
        wi_0: linear(width, inner, false),
        wi_1: linear(width, inner, false),
        wo: linear(inner, width, false),
        dropout: drop,
        act,
      })
    : block('T5DenseActDense', {
        wi: linear(width, inner, false),
        wo: linear(inner, width, false),
        dropout: drop,
        act,
      });
  const sublayer = (className: string, child: string, module: Module) =>
    block(className, { [child]: module, layer_norm: norm, dropout: drop });
  const stack = (count: number, isDecoder: boolean) =>
    block('T5Stack', {
      embed_tokens: words,
      block: list(
        // All layers use the table of positions of the first one.
        repeat(count, (index) =>
          block('T5Block', {
            layer: list([
              sublayer('T5LayerSelfAttention', 'SelfAttention', attention(index === 0)),
              ...(isDecoder ? [sublayer('T5LayerCrossAttention', 'EncDecAttention', attention(false))] : []),
              sublayer('T5LayerFF', 'DenseReluDense', dense),
            ]),
          }),
        ),
      ),
      final_layer_norm: norm,
      dropout: drop,
    });
  return {
    tree: block('T5ForConditionalGeneration', {
      shared: words,
      encoder: stack(encoderLayers, false),
      decoder: stack(decoderLayers, true),
      lm_head: linear(width, vocabulary, false),
    }),
    shared: new Map([
      ['encoder.embed_tokens.weight', 'shared.weight'],
      ['decoder.embed_tokens.weight', 'shared.weight'],
      ...(tied ? [['lm_head.weight', 'shared.weight'] as const] : []),
    ]),
    buffers: new Map(),
    base: 'transformer',
    obsolete: /^decoder\.block\.0\.layer\.1\.EncDecAttention\.relative_attention_bias\.weight$/,
    part: (name) => {
      if (/^shared\.|embed_tokens/.test(name)) return 'embeddings';
      if (name.startsWith('encoder.')) return 'encoder';
      return name.startsWith('decoder.') ? 'decoder' : 'head';
    },
    traits: {
      family: 'encoder-decoder',
      attention: 'encoder: both ways; decoder: left to right, and over the encoder',
      encoderLayers,
      decoderLayers,
      heads,
      headSize,
      width,
      inner,
      gated,
      norm: 'RMSNorm',
      normPlace: 'before each sublayer',
      positions: `relative, ${buckets} buckets up to ${maxDistance} tokens`,
      context: null,
      activation,
      biases: false,
      tied,
      objective: 'the target text, token by token, given the source',
      labels: null,
      vocabulary,
    },
  };
}
