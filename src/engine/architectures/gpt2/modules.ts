import type { Fields } from '../../checkpoint/config/fields.ts';
import { printedActivation, refuseUnprinted } from '../config-fields.ts';
import type { Description } from '../description.ts';
import { block, conv1D, dropout, embedding, layerNorm, linear, list, repeat } from '../module.ts';
import { readGpt2Config } from './config.ts';

/** GPT2LMHeadModel (transformers, models/gpt2/modeling_gpt2.py). */
export function describeGpt2(fields: Fields): Description {
  refuseUnprinted(fields, { add_cross_attention: false });
  const config = readGpt2Config(fields);
  const { size: width, vocabulary, positions, layers: decoderLayers, heads, inner, activation, tied } = config;
  const norm = layerNorm(width, config.epsilon);
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
      act: printedActivation(fields, 'activation_function', activation),
      dropout: residual,
    }),
  });
  return {
    tree: block('GPT2LMHeadModel', {
      transformer: block('GPT2Model', {
        wte: embedding(vocabulary, width),
        wpe: embedding(positions, width),
        drop: dropout(fields.number('embd_pdrop', 0.1)),
        h: list(repeat(decoderLayers, () => layer)),
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
      headSize: width / heads,
      width,
      inner,
      gated: false,
      norm: 'LayerNorm',
      normPlace: 'before each sublayer',
      positions: 'learned, absolute',
      context: positions,
      activation,
      biases: true,
      tied,
      objective: 'the next token',
      labels: null,
      vocabulary,
    },
  };
}
