/**
 * BART-base size, beam 5 with the options of the ParaDetox authors' script, int8, one core, against CTranslate2 int8; and the same without a
 * repetition penalty.
 *
 *   npm run bench -- bart-beam [--rows 256] [--rounds 3] [--cores 0] [--data data]
 *
 * CTranslate2 divides logits by the repetition penalty before the softmax. transformers, and this engine with it, multiply
 * log-probabilities in beam search, so that texts may differ: the tokens of both are counted. Without a penalty both search for the same.
 */
import { compareGenerator, type GeneratorComparison } from './peers/compare-generator.ts';

const beams = { num_beams: 5, no_repeat_ngram_size: 3, max_new_tokens: 64 };
const given: Omit<GeneratorComparison, 'name' | 'title' | 'generation'> = {
  goal: 1.5,
  size: 'bart-base',
  rows: 256,
  sample: 32,
  reference: { rows: 64, batch: 8 },
};

await compareGenerator({
  ...{ name: 'bart-beam', title: 'BART-base, beam 5', ...given },
  generation: { ...beams, repetition_penalty: 10 },
});
await compareGenerator({
  ...{ name: 'bart-beam-plain', title: 'BART-base, beam 5, no repetition penalty', ...given },
  generation: beams,
});
