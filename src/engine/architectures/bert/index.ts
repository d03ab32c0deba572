import type { Architecture } from '../architecture.ts';
import { BERT_FAMILY } from './config.ts';
import { headsOf } from './heads.ts';
import { describeBertClassifier, describeBertMasked, describeBertModel, describeBertPreTraining } from './modules.ts';

const { classifier, encoder } = headsOf(BERT_FAMILY);

/** BERT: an encoder with learned positions (transformers, models/bert). */
export const BERT: Architecture = {
  modelType: 'bert',
  tokenizer: 'WordPiece',
  classes: {
    BertForSequenceClassification: { classifier, modules: describeBertClassifier },
    BertModel: { encoder, modules: describeBertModel },
    BertForMaskedLM: { encoder, modules: describeBertMasked },
    BertForPreTraining: { encoder, modules: describeBertPreTraining },
  },
};
