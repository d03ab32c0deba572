import type { Fields } from '../checkpoint/config/fields.ts';
import { type BertShape, readBertShape } from './bert-encoder.ts';
import { type BertFamily, bertFamilyClassifier, bertFamilyEncoder } from './bert-family.ts';
import type { Classifier } from './classifier.ts';
import type { Encoder } from './encoder.ts';

const ROBERTA: BertFamily = {
  prefix: 'roberta.',
  defaults: { vocabulary: 50265, padToken: 1, positionsAfterPadding: true },
  head: ['classifier.dense', 'classifier.out_proj'],
};

export function readRobertaConfig(fields: Fields): BertShape {
  return readBertShape(fields, ROBERTA.defaults);
}

/** `RobertaForSequenceClassification` (transformers, models/roberta): a head of its own over the first token. */
export function robertaClassifier(fields: Fields): Classifier {
  return bertFamilyClassifier(ROBERTA, fields);
}

/** `RobertaModel`, and the encoder of `RobertaForMaskedLM`. */
export function robertaEncoder(fields: Fields): Encoder {
  return bertFamilyEncoder(ROBERTA, fields);
}
