import type { Fields } from '../../checkpoint/config/fields.ts';
import { bertParts, classifierObjective } from '../bert/layers.ts';
import { labelNames } from '../classifier.ts';
import type { Description } from '../description.ts';
import { block, linear, own } from '../module.ts';
import { ROBERTA_FAMILY } from './config.ts';

export function describeRobertaClassifier(fields: Fields): Description {
  const { width, headDropout, model, traits, common } = bertParts(fields, ROBERTA_FAMILY);
  const labels = labelNames(fields);
  return {
    ...common,
    tree: block('RobertaForSequenceClassification', {
      roberta: model(false),
      classifier: block('RobertaClassificationHead', {
        dense: linear(width, width),
        dropout: headDropout,
        out_proj: linear(width, labels.length),
      }),
    }),
    shared: new Map(),
    traits: { ...traits, objective: classifierObjective(fields, labels), labels, tied: null },
  };
}

export function describeRobertaMasked(fields: Fields): Description {
  const { width, vocabulary, norm, model, traits, common } = bertParts(fields, ROBERTA_FAMILY);
  const tied = fields.boolean('tie_word_embeddings', true);
  return {
    ...common,
    tree: block('RobertaForMaskedLM', {
      roberta: model(false),
      lm_head: block(
        'RobertaLMHead',
        { dense: linear(width, width), layer_norm: norm, decoder: linear(width, vocabulary) },
        [own('bias', [vocabulary])],
      ),
    }),
    shared: new Map([
      ['lm_head.decoder.bias', 'lm_head.bias'],
      ...(tied ? [['lm_head.decoder.weight', 'roberta.embeddings.word_embeddings.weight'] as const] : []),
    ]),
    traits: { ...traits, objective: 'the tokens behind <mask>', labels: null, tied },
  };
}

export function describeRobertaModel(fields: Fields): Description {
  const { model, traits, common } = bertParts(fields, ROBERTA_FAMILY);
  return {
    ...common,
    tree: model(true),
    shared: new Map(),
    traits: { ...traits, objective: 'a vector for each token', labels: null, tied: null },
  };
}
