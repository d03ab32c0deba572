/**
 * T5-base size, greedy, int8, one core, against CTranslate2 int8.
 *
 *   npm run bench -- t5-greedy [--rows 1000] [--rounds 3] [--cores 0] [--data data]
 */
import { compareGenerator } from './peers/compare-generator.ts';

await compareGenerator({
  name: 't5-greedy',
  title: 'T5-base, greedy',
  goal: 1.25,
  size: 't5-base',
  generation: { num_beams: 1, max_new_tokens: 64 },
  rows: 1000,
  sample: 128,
  reference: { rows: 256, batch: 32 },
});
