import type { Fields } from '../../checkpoint/config/fields.ts';
import { labelNames } from '../classifier.ts';
import type { Description } from '../description.ts';
import { block, linear, own } from '../module.ts';
import { BERT_FAMILY } from './config.ts';
import { type BertParts, bertParts, classifierObjective } from './layers.ts';

export function describeBertClassifier(fields: Fields): Description {
  const { width, headDropout, model, traits, common } = bertParts(fields, BERT_FAMILY);
  const labels = labelNames(fields);
  return {
    ...common,
    tree: block('BertForSequenceClassification', {
      bert: model(true),
      dropout: headDropout,
      classifier: linear(width, labels.length),
    }),
    shared: new Map(),
    traits: { ...traits, objective: classifierObjective(fields, labels), labels, tied: null },
  };
}

/** The head that both pre-training classes have, with the parameters that it shares with the embedding table. */
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
  const parts = bertParts(fields, BERT_FAMILY);
  const { tied, module, shared } = languageModelHead(fields, parts);
  return {
    ...parts.common,
    tree: block('BertForMaskedLM', {
      bert: parts.model(false),
      cls: block('BertOnlyMLMHead', { predictions: module }),
    }),
    shared,
    traits: { ...parts.traits, objective: 'the tokens behind [MASK]', labels: null, tied },
  };
}

export function describeBertPreTraining(fields: Fields): Description {
  const parts = bertParts(fields, BERT_FAMILY);
  const { tied, module, shared } = languageModelHead(fields, parts);
  return {
    ...parts.common,
    tree: block('BertForPreTraining', {
      bert: parts.model(true),
      cls: block('BertPreTrainingHeads', { predictions: module, seq_relationship: linear(parts.width, 2) }),
    }),
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
  const { model, traits, common } = bertParts(fields, BERT_FAMILY);
  return {
    ...common,
    tree: model(true),
    shared: new Map(),
    traits: { ...traits, objective: 'a vector for each token', labels: null, tied: null },
  };
}
