/**
 * GPT-2 size, greedy, 20 tokens at most after `{text} =>`, int8, one core, against CTranslate2 int8.
 *
 *   npm run bench -- gpt2-20 [--rows 1000] [--rounds 3] [--cores 0] [--data data]
 */
import { compareGenerator } from './peers/compare-generator.ts';

await compareGenerator({
  name: 'gpt2-20',
  title: 'GPT-2, 20 tokens',
  goal: 1.25,
  size: 'gpt2',
  generation: { num_beams: 1, max_new_tokens: 20 },
  rows: 1000,
  sample: 128,
  reference: { rows: 256, batch: 32 },
});
