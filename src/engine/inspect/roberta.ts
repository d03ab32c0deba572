import type { Fields } from '../checkpoint/config/fields.ts';
import { type BertParts, bertParts, classifierObjective, OBSOLETE } from './bert-layers.ts';
import { type Description, labelsOf, type Part } from './description.ts';
import { block, linear, own } from './module.ts';

const read = (fields: Fields): BertParts =>
  bertParts(fields, { prefix: 'Roberta', defaults: { vocabulary: 50265, padding: 1 }, paddedPositions: true });

function part(name: string): Part {
  const inside = name.replace(/^roberta\./, '');
  if (inside.startsWith('embeddings.')) return 'embeddings';
  if (inside.startsWith('encoder.')) return 'encoder';
  return inside.startsWith('pooler.') ? 'pooler' : 'head';
}

const common = { buffers: new Map(), obsolete: OBSOLETE, part } as const;

export function describeRobertaClassifier(fields: Fields): Description {
  const { width, headDropout, model, traits } = read(fields);
  const labels = labelsOf(fields);
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
    base: 'roberta',
    shared: new Map(),
    traits: { ...traits, objective: classifierObjective(fields, labels), labels, tied: null },
  };
}

export function describeRobertaMasked(fields: Fields): Description {
  const { width, vocabulary, norm, model, traits } = read(fields);
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
    base: 'roberta',
    shared: new Map([
      ['lm_head.decoder.bias', 'lm_head.bias'],
      ...(tied ? [['lm_head.decoder.weight', 'roberta.embeddings.word_embeddings.weight'] as const] : []),
    ]),
    traits: { ...traits, objective: 'the tokens behind <mask>', labels: null, tied },
  };
}

export function describeRobertaModel(fields: Fields): Description {
  const { model, traits } = read(fields);
  return {
    ...common,
    tree: model(true),
    base: 'roberta',
    shared: new Map(),
    traits: { ...traits, objective: 'a vector for each token', labels: null, tied: null },
  };
}
