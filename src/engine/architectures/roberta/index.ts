import type { Architecture } from '../architecture.ts';
import { headsOf } from '../bert/heads.ts';
import { ROBERTA_FAMILY } from './config.ts';
import { describeRobertaClassifier, describeRobertaMasked, describeRobertaModel } from './modules.ts';

const { classifier, encoder } = headsOf(ROBERTA_FAMILY);

/** RoBERTa: BERT's encoder with other positions (transformers, models/roberta). */
export const ROBERTA: Architecture = {
  modelType: 'roberta',
  tokenizer: 'byte-level BPE',
  classes: {
    RobertaForSequenceClassification: { classifier, modules: describeRobertaClassifier },
    RobertaModel: { encoder, modules: describeRobertaModel },
    RobertaForMaskedLM: { encoder, modules: describeRobertaMasked },
  },
};
