import type { Architecture } from '../architecture.ts';
import { bartGenerator, mbartGenerator } from './graph.ts';
import { describeBart } from './modules.ts';

/** BART and mBART: an encoder and a decoder with learned positions (transformers, models/bart and mbart). */
export const BART: Architecture = {
  modelType: 'bart',
  tokenizer: 'byte-level BPE',
  classes: {
    BartForConditionalGeneration: { generator: bartGenerator, modules: describeBart },
    MBartForConditionalGeneration: { generator: mbartGenerator },
  },
};
