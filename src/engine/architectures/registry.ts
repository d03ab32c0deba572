import type { Fields } from '../checkpoint/fields.ts';
import { bartGenerator } from './bart.ts';
import type { Generator } from './generator.ts';
import { gpt2Generator } from './gpt2.ts';
import { t5Generator } from './t5.ts';

/** How the config of a generator is read, by the name in `architectures` of `config.json`. */
export const GENERATORS: Readonly<Record<string, (fields: Fields) => Generator>> = {
  BartForConditionalGeneration: bartGenerator,
  GPT2LMHeadModel: gpt2Generator,
  T5ForConditionalGeneration: t5Generator,
};
