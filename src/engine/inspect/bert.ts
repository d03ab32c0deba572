import type { Fields } from '../checkpoint/config/fields.ts';
import { type BertParts, bertParts, classifierObjective, OBSOLETE } from './bert-layers.ts';
import { type Description, labelsOf, type Part } from './description.ts';
import { block, linear, own } from './module.ts';

const read = (fields: Fields): BertParts =>
  bertParts(fields, { prefix: 'Bert', defaults: { vocabulary: 30522, padding: 0 }, paddedPositions: false });

function part(name: string): Part {
  const inside = name.replace(/^bert\./, '');
  if (inside.startsWith('embeddings.')) return 'embeddings';
  if (inside.startsWith('encoder.')) return 'encoder';
  return inside.startsWith('pooler.') ? 'pooler' : 'head';
}

const common = { buffers: new Map(), obsolete: OBSOLETE, part } as const;

export function describeBertClassifier(fields: Fields): Description {
  const { width, headDropout, model, traits } = read(fields);
  const labels = labelsOf(fields);
  return {
    ...common,
    tree: block('BertForSequenceClassification', {
      bert: model(true),
      dropout: headDropout,
      classifier: linear(width, labels.length),
    }),
    base: 'bert',
    shared: new Map(),
    traits: { ...traits, objective: classifierObjective(fields, labels), labels, tied: null },
  };
}

/** The head that both pre-training classes share, and what of it is the embedding table. */
function languageModelHead(fields: Fields, { width, vocabulary, act, norm }: BertParts) {
  const tied = fields.boolean('tie_word_embeddings', true);
  const transform = { dense: linear(width, width), transform_act_fn: act, LayerNorm: norm };
  return {
    tied,
    module: block(
      'BertLMPredictionHead',
      { transform: block('BertPredictionHeadTransform', transform), decoder: linear(width, vocabulary) },
      [own('bias', [vocabulary])],
    ),
    shared: new Map([
      ['cls.predictions.decoder.bias', 'cls.predictions.bias'],
      ...(tied ? [['cls.predictions.decoder.weight', 'bert.embeddings.word_embeddings.weight'] as const] : []),
    ]),
  };
}

export function describeBertMasked(fields: Fields): Description {
  const parts = read(fields);
  const { tied, module, shared } = languageModelHead(fields, parts);
  return {
    ...common,
    tree: block('BertForMaskedLM', {
      bert: parts.model(false),
      cls: block('BertOnlyMLMHead', { predictions: module }),
    }),
    base: 'bert',
    shared,
    traits: { ...parts.traits, objective: 'the tokens behind [MASK]', labels: null, tied },
  };
}

export function describeBertPreTraining(fields: Fields): Description {
  const parts = read(fields);
  const { tied, module, shared } = languageModelHead(fields, parts);
  return {
    ...common,
    tree: block('BertForPreTraining', {
      bert: parts.model(true),
      cls: block('BertPreTrainingHeads', { predictions: module, seq_relationship: linear(parts.width, 2) }),
    }),
    base: 'bert',
    shared,
    traits: {
      ...parts.traits,
      objective: 'the tokens behind [MASK], and whether one sentence follows another',
      labels: null,
      tied,
    },
  };
}

export function describeBertModel(fields: Fields): Description {
  const { model, traits } = read(fields);
  return {
    ...common,
    tree: model(true),
    base: 'bert',
    shared: new Map(),
    traits: { ...traits, objective: 'a vector for each token', labels: null, tied: null },
  };
}
