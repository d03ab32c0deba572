import type { Fields } from '../checkpoint/config/fields.ts';
import { activation, type Description, headSize, layerCount, layers, refuse } from './description.ts';
import { block, conv1D, dropout, embedding, layerNorm, linear, list } from './module.ts';

/** GPT2LMHeadModel (transformers, models/gpt2/modeling_gpt2.py); defaults of GPT2Config. */
export function describeGpt2(fields: Fields): Description {
  refuse(fields, { add_cross_attention: false });
  const width = fields.size('n_embd', 768);
  const vocabulary = fields.size('vocab_size', 50257);
  const positions = fields.size('n_positions', 1024);
  const inner = fields.integerOrNull('n_inner') ?? 4 * width;
  const heads = fields.size('n_head', 12);
  const decoderLayers = layerCount(fields, 'n_layer', 12);
  const function_ = fields.string('activation_function', 'gelu_new');
  const tied = fields.boolean('tie_word_embeddings', true);
  const norm = layerNorm(width, fields.number('layer_norm_epsilon', 1e-5));
  const residual = dropout(fields.number('resid_pdrop', 0.1));
  const layer = block('GPT2Block', {
    ln_1: norm,
    attn: block('GPT2Attention', {
      c_attn: conv1D(width, 3 * width),
      c_proj: conv1D(width, width),
      attn_dropout: dropout(fields.number('attn_pdrop', 0.1)),
      resid_dropout: residual,
    }),
    ln_2: norm,
    mlp: block('GPT2MLP', {
      c_fc: conv1D(width, inner),
      c_proj: conv1D(inner, width),
      act: activation(fields, 'activation_function', function_),
      dropout: residual,
    }),
  });
  return {
    tree: block('GPT2LMHeadModel', {
      transformer: block('GPT2Model', {
        wte: embedding(vocabulary, width),
        wpe: embedding(positions, width),
        drop: dropout(fields.number('embd_pdrop', 0.1)),
        h: list(layers(decoderLayers, () => layer)),
        ln_f: norm,
      }),
      lm_head: linear(width, vocabulary, false),
    }),
    shared: new Map(tied ? [['lm_head.weight', 'transformer.wte.weight']] : []),
    buffers: new Map(),
    base: 'transformer',
    // Causal masks, which older versions saved with the weights.
    obsolete: /^transformer\.h\.\d+\.attn\.(bias|masked_bias)$/,
    part: (name) => {
      if (/^transformer\.(wte|wpe)\./.test(name)) return 'embeddings';
      return name.startsWith('transformer.') ? 'decoder' : 'head';
    },
    traits: {
      family: 'decoder',
      attention: 'left to right',
      encoderLayers: null,
      decoderLayers,
      heads,
      headSize: headSize(fields, width, heads),
      width,
      inner,
      gated: false,
      norm: 'LayerNorm',
      normPlace: 'before each sublayer',
      positions: 'learned, absolute',
      context: positions,
      activation: function_,
      biases: true,
      tied,
      objective: 'the next token',
      labels: null,
      vocabulary,
    },
  };
}
