import type { Fields } from '../checkpoint/config/fields.ts';
import { activation, type Description, layerCount, layers } from './description.ts';
import { block, dropout, embedding, linear, list, type Module, own } from './module.ts';

/** T5ForConditionalGeneration (transformers, models/t5/modeling_t5.py) as it prints without apex; defaults of T5Config. */
export function describeT5(fields: Fields): Description {
  const width = fields.size('d_model', 512);
  const vocabulary = fields.size('vocab_size', 32128);
  const size = fields.size('d_kv', 64);
  const inner = fields.size('d_ff', 2048);
  const encoderLayers = layerCount(fields, 'num_layers', 6);
  const decoderLayers =
    fields.integerOrNull('num_decoder_layers') === null
      ? encoderLayers
      : layerCount(fields, 'num_decoder_layers', encoderLayers);
  const heads = fields.size('num_heads', 8);
  const buckets = fields.size('relative_attention_num_buckets', 32);
  const drop = dropout(fields.number('dropout_rate', 0.1));
  const tied = fields.boolean('tie_word_embeddings', true);
  const { gated, function_ } = readFeedForward(fields);

  const words = embedding(vocabulary, width);
  const norm = { ...block('T5LayerNorm', {}), parameters: [own('weight', [width])] };
  const attention = (withPositions: boolean) =>
    block('T5Attention', {
      q: linear(width, heads * size, false),
      k: linear(width, heads * size, false),
      v: linear(width, heads * size, false),
      o: linear(heads * size, width, false),
      ...(withPositions ? { relative_attention_bias: embedding(buckets, heads) } : {}),
    });
  const act = activation(fields, 'feed_forward_proj', function_);
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
        // The first layer's table of positions serves them all.
        layers(count, (index) =>
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
      headSize: size,
      width,
      inner,
      gated,
      norm: 'RMSNorm',
      normPlace: 'before each sublayer',
      positions: `relative, ${buckets} buckets up to ${fields.size('relative_attention_max_distance', 128)} tokens`,
      context: null,
      activation: function_,
      biases: false,
      tied,
      objective: 'the target text, token by token, given the source',
      labels: null,
      vocabulary,
    },
  };
}

/** `relu` or `gated-gelu`, which means gelu_new (T5Config). */
function readFeedForward(fields: Fields): { readonly gated: boolean; readonly function_: string } {
  const name = fields.string('feed_forward_proj', 'relu');
  const gated = name.startsWith('gated-');
  const rest = gated ? name.slice('gated-'.length) : name;
  return { gated, function_: name === 'gated-gelu' ? 'gelu_new' : rest };
}
