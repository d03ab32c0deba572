/**
 * BART-base size, beam 5 with the options of the ParaDetox authors' script, int8, one core, against CTranslate2 int8.
 *
 *   npm run bench -- bart-beam [--rows 256] [--rounds 3] [--cores 0] [--data ../shared/data]
 *
 * CTranslate2 divides logits by the repetition penalty before the softmax. transformers, and this engine with it, multiply
 * log-probabilities in beam search, so that texts may differ: the tokens of both are counted.
 */
import { compareGenerator } from './peers/compare-generator.ts';

await compareGenerator({
  name: 'bart-beam',
  title: 'BART-base, beam 5',
  goal: 1.5,
  size: 'bart-base',
  generation: { num_beams: 5, no_repeat_ngram_size: 3, repetition_penalty: 10, max_new_tokens: 64 },
  rows: 256,
  sample: 32,
  reference: { rows: 64, batch: 8 },
});
