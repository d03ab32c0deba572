import type { Architecture } from '../architecture.ts';
import { t5Generator } from './graph.ts';
import { describeT5 } from './modules.ts';

/** T5, T5 v1.1 and Flan-T5: an encoder and a decoder with relative positions (transformers, models/t5). */
export const T5: Architecture = {
  modelType: 't5',
  tokenizer: 'Unigram',
  classes: { T5ForConditionalGeneration: { generator: t5Generator, modules: describeT5 } },
};
