import type { Fields } from '../checkpoint/config/fields.ts';
import { describeBart } from './bart.ts';
import { describeBertClassifier, describeBertMasked, describeBertModel, describeBertPreTraining } from './bert.ts';
import type { Description } from './description.ts';
import { describeGpt2 } from './gpt2.ts';
import { describeRobertaClassifier, describeRobertaMasked, describeRobertaModel } from './roberta.ts';
import { describeT5 } from './t5.ts';

/** The versions whose prints the trees equal, to the letter (test/fixtures/module-trees). */
export const PRINTED_BY = 'transformers 4.57.6, torch 2.13.0';

const CLASSES: ReadonlyMap<string, (fields: Fields) => Description> = new Map([
  ['BartForConditionalGeneration', describeBart],
  ['T5ForConditionalGeneration', describeT5],
  ['GPT2LMHeadModel', describeGpt2],
  ['BertForSequenceClassification', describeBertClassifier],
  ['BertForMaskedLM', describeBertMasked],
  ['BertForPreTraining', describeBertPreTraining],
  ['BertModel', describeBertModel],
  ['RobertaForSequenceClassification', describeRobertaClassifier],
  ['RobertaForMaskedLM', describeRobertaMasked],
  ['RobertaModel', describeRobertaModel],
]);

/**
 * Describes a model class from its config.
 * @throws CheckpointError for a class or a flag that is not known here, with what is
 */
export function describe(architecture: string, fields: Fields): Description {
  const read = CLASSES.get(architecture);
  if (read === undefined) {
    throw fields.error(
      `${architecture} is not a class whose modules are known here; known: ${[...CLASSES.keys()].join(', ')}`,
    );
  }
  return read(fields);
}
