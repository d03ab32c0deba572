import type { Architecture } from '../architecture.ts';
import { gpt2Generator } from './graph.ts';
import { describeGpt2 } from './modules.ts';

/** GPT-2: a decoder alone (transformers, models/gpt2). */
export const GPT2: Architecture = {
  modelType: 'gpt2',
  tokenizer: 'byte-level BPE',
  classes: { GPT2LMHeadModel: { generator: gpt2Generator, languageModel: gpt2Generator, modules: describeGpt2 } },
};
