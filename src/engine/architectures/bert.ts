import type { Fields } from '../checkpoint/config/fields.ts';
import { type BertShape, readBertShape } from './bert-encoder.ts';
import { type BertFamily, bertFamilyClassifier, bertFamilyEncoder } from './bert-family.ts';
import type { Classifier } from './classifier.ts';
import type { Encoder } from './encoder.ts';

const BERT: BertFamily = {
  prefix: 'bert.',
  defaults: { vocabulary: 30522, padToken: 0, positionsAfterPadding: false },
  head: ['pooler.dense', 'classifier'],
};

export function readBertConfig(fields: Fields): BertShape {
  return readBertShape(fields, BERT.defaults);
}

/** `BertForSequenceClassification` (transformers, models/bert): the pooler over the first token, and one matrix. */
export function bertClassifier(fields: Fields): Classifier {
  return bertFamilyClassifier(BERT, fields);
}

/** `BertModel`, and the encoder of classes that put a language-model head on it. */
export function bertEncoder(fields: Fields): Encoder {
  return bertFamilyEncoder(BERT, fields);
}
