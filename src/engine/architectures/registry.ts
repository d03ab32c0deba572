import type { Fields } from '../checkpoint/config/fields.ts';
import { bartGenerator, mbartGenerator } from './bart.ts';
import { bertClassifier, bertEncoder } from './bert.ts';
import type { Classifier } from './classifier.ts';
import type { Encoder } from './encoder.ts';
import type { Generator } from './generator.ts';
import { type Gpt2, gpt2Generator } from './gpt2.ts';
import { robertaClassifier, robertaEncoder } from './roberta.ts';
import { t5Generator } from './t5.ts';

/* How the config of a checkpoint is read, by the name in `architectures` of `config.json`. */

type Readers<T> = Readonly<Record<string, (fields: Fields) => T>>;

export const GENERATORS: Readers<Generator> = {
  BartForConditionalGeneration: bartGenerator,
  GPT2LMHeadModel: gpt2Generator,
  MBartForConditionalGeneration: mbartGenerator,
  T5ForConditionalGeneration: t5Generator,
};

/** Those that say how likely a text is. */
export const LANGUAGE_MODELS: Readers<Gpt2> = {
  GPT2LMHeadModel: gpt2Generator,
};

export const CLASSIFIERS: Readers<Classifier> = {
  BertForSequenceClassification: bertClassifier,
  RobertaForSequenceClassification: robertaClassifier,
};

export const ENCODERS: Readers<Encoder> = {
  BertModel: bertEncoder,
  BertForMaskedLM: bertEncoder,
  BertForPreTraining: bertEncoder,
  RobertaModel: robertaEncoder,
  RobertaForMaskedLM: robertaEncoder,
};

/** The reader for a class, or undefined. */
export function readerOf<T>(readers: Readers<T>, architecture: string): ((fields: Fields) => T) | undefined {
  return Object.hasOwn(readers, architecture) ? readers[architecture] : undefined;
}
