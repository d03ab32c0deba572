import type { Traits } from '../../contract/inspection.ts';
import type { Fields } from '../checkpoint/config/fields.ts';
import { activation, headSize, integerOr, layerCount, layers, refuse } from './description.ts';
import { block, dropout, embedding, layerNorm, leaf, linear, list, type Module } from './module.ts';

/** What BERT and RoBERTa, whose classes differ in little but their names, are made of. */
export interface BertParts {
  readonly width: number;
  readonly vocabulary: number;
  readonly act: Module;
  readonly norm: Module;
  /** Dropout before a classifier. */
  readonly headDropout: Module;
  /** The headless model. */
  model(pooler: boolean): Module;
  readonly traits: Omit<Traits, 'objective' | 'labels' | 'tied'>;
}

interface Family {
  /** Prefix of the class names. */
  readonly prefix: 'Bert' | 'Roberta';
  readonly defaults: { readonly vocabulary: number; readonly padding: number };
  /** RoBERTa counts positions from its padding token on, and marks that row. */
  readonly paddedPositions: boolean;
}

/** BertModel and RobertaModel (transformers, models/bert and models/roberta), attention by SDPA; defaults of their configs. */
export function bertParts(fields: Fields, { prefix, defaults, paddedPositions }: Family): BertParts {
  refuse(fields, { add_cross_attention: false });
  const width = fields.size('hidden_size', 768);
  const vocabulary = fields.size('vocab_size', defaults.vocabulary);
  const count = layerCount(fields, 'num_hidden_layers', 12);
  const heads = fields.size('num_attention_heads', 12);
  const inner = fields.size('intermediate_size', 3072);
  const rows = fields.size('max_position_embeddings', 512);
  const padding = integerOr(fields, 'pad_token_id', defaults.padding);
  const function_ = fields.string('hidden_act', 'gelu');
  const hiddenDropout = fields.number('hidden_dropout_prob', 0.1);
  const positions = fields.string('position_embedding_type', 'absolute');
  const relative = positions === 'relative_key' || positions === 'relative_key_query';
  if (!relative && positions !== 'absolute') {
    throw fields.error(`position_embedding_type "${positions}" is not known here`);
  }
  const bothWays = !fields.boolean('is_decoder', false);
  const size = headSize(fields, width, heads);
  const drop = dropout(hiddenDropout);
  const norm = layerNorm(width, fields.number('layer_norm_eps', 1e-12));
  const act = activation(fields, 'hidden_act', function_);
  const layer = block(`${prefix}Layer`, {
    attention: block(`${prefix}Attention`, {
      self: block(`${prefix}SdpaSelfAttention`, {
        query: linear(width, width),
        key: linear(width, width),
        value: linear(width, width),
        dropout: dropout(fields.number('attention_probs_dropout_prob', 0.1)),
        ...(relative ? { distance_embedding: embedding(2 * rows - 1, size) } : {}),
      }),
      output: block(`${prefix}SelfOutput`, { dense: linear(width, width), LayerNorm: norm, dropout: drop }),
    }),
    intermediate: block(`${prefix}Intermediate`, { dense: linear(width, inner), intermediate_act_fn: act }),
    output: block(`${prefix}Output`, { dense: linear(inner, width), LayerNorm: norm, dropout: drop }),
  });
  const body = {
    embeddings: block(`${prefix}Embeddings`, {
      word_embeddings: embedding(vocabulary, width, padding),
      position_embeddings: embedding(rows, width, paddedPositions ? padding : null),
      token_type_embeddings: embedding(fields.size('type_vocab_size', 2), width),
      LayerNorm: norm,
      dropout: drop,
    }),
    encoder: block(`${prefix}Encoder`, { layer: list(layers(count, () => layer)) }),
  };
  const pooler = block(`${prefix}Pooler`, { dense: linear(width, width), activation: leaf('Tanh') });
  const classifierDropout = fields.raw('classifier_dropout') ?? null;
  return {
    width,
    vocabulary,
    act,
    norm,
    headDropout: classifierDropout === null ? drop : dropout(fields.number('classifier_dropout')),
    model: (withPooler) => block(`${prefix}Model`, withPooler ? { ...body, pooler } : body),
    traits: {
      family: 'encoder',
      attention: bothWays ? 'both ways' : 'left to right',
      encoderLayers: count,
      decoderLayers: null,
      heads,
      headSize: size,
      width,
      inner,
      gated: false,
      norm: 'LayerNorm',
      normPlace: 'after each sublayer',
      positions: relative ? 'learned, absolute and relative' : 'learned, absolute',
      context: paddedPositions ? rows - (padding ?? 0) - 1 : rows,
      activation: function_,
      biases: true,
      vocabulary,
    },
  };
}

/** Tensors that older versions of both saved with the weights. */
export const OBSOLETE = /(^|\.)embeddings\.position_ids$/;

/** What a classifier of labels is trained to give. */
export function classifierObjective(fields: Fields, labels: readonly string[]): string {
  const problem = fields.raw('problem_type') ?? null;
  if (problem === 'multi_label_classification') return `a probability for each of ${labels.length} labels (sigmoid)`;
  if (problem === 'regression' || labels.length === 1) return 'a number';
  return `one of ${labels.length} labels (softmax)`;
}
