import type { Traits } from '../../../contract/inspection.ts';
import type { Fields } from '../../checkpoint/config/fields.ts';
import { printedActivation, refuseUnprinted } from '../config-fields.ts';
import type { Description, Part } from '../description.ts';
import { block, dropout, embedding, layerNorm, leaf, linear, list, type Module, repeat } from '../module.ts';
import { type BertFamily, readBertConfig, windowOf } from './config.ts';

/** Modules of BERT and RoBERTa. Their classes hardly differ except in names. */
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
  /** The same in the descriptions of all classes. */
  readonly common: Pick<Description, 'base' | 'buffers' | 'obsolete' | 'part'>;
}

/** The modules of BertModel and RobertaModel (transformers, models/bert and models/roberta), attention by SDPA. */
export function bertParts(fields: Fields, family: BertFamily): BertParts {
  refuseUnprinted(fields, { add_cross_attention: false });
  const config = readBertConfig(fields, family);
  const { size: width, vocabulary, layers, heads, inner, positionRows: rows, positionType, padding } = config;
  const { className: prefix, base, positionsAfterPadding } = family;
  const relative = positionType === 'relative_key' || positionType === 'relative_key_query';
  if (!relative && positionType !== 'absolute') {
    throw fields.error(`position_embedding_type "${positionType}" is not known here`);
  }
  const size = width / heads;
  const hiddenDropout = fields.number('hidden_dropout_prob', 0.1);
  const drop = dropout(hiddenDropout);
  const norm = layerNorm(width, config.epsilon);
  const act = printedActivation(fields, 'hidden_act', config.activation);
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
      position_embeddings: embedding(rows, width, positionsAfterPadding ? padding : null),
      token_type_embeddings: embedding(config.tokenTypes, width),
      LayerNorm: norm,
      dropout: drop,
    }),
    encoder: block(`${prefix}Encoder`, { layer: list(repeat(layers, () => layer)) }),
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
      attention: config.isDecoder ? 'left to right' : 'both ways',
      encoderLayers: layers,
      decoderLayers: null,
      heads,
      headSize: size,
      width,
      inner,
      gated: false,
      norm: 'LayerNorm',
      normPlace: 'after each sublayer',
      positions: relative ? 'learned, absolute and relative' : 'learned, absolute',
      context: windowOf(config, family),
      activation: config.activation,
      biases: true,
      vocabulary,
    },
    common: { base, buffers: new Map(), obsolete: OBSOLETE, part: (name) => partOf(base, name) },
  };
}

/** Tensors that older versions of both saved with the weights. */
const OBSOLETE = /(^|\.)embeddings\.position_ids$/;

function partOf(base: string, name: string): Part {
  const inside = name.startsWith(`${base}.`) ? name.slice(base.length + 1) : name;
  if (inside.startsWith('embeddings.')) return 'embeddings';
  if (inside.startsWith('encoder.')) return 'encoder';
  return inside.startsWith('pooler.') ? 'pooler' : 'head';
}

/** Says what a classifier of labels is trained to give. */
export function classifierObjective(fields: Fields, labels: readonly string[]): string {
  const problem = fields.raw('problem_type') ?? null;
  if (problem === 'multi_label_classification') return `a probability for each of ${labels.length} labels (sigmoid)`;
  if (problem === 'regression' || labels.length === 1) return 'a number';
  return `one of ${labels.length} labels (softmax)`;
}
