/**
 * GPT-2 size, greedy, 20 tokens at most after `{text} =>`, int8, one core, against CTranslate2 int8.
 *
 *   npm run bench -- gpt2-20 [--rows 1000] [--rounds 3] [--cores 0] [--data ../shared/data]
 */
import { compare } from './peers/compare.ts';
import { ct2Generator, ours, transformersGenerator } from './peers/engines.ts';
import { openEnvironment } from './peers/environment.ts';
import { paradetox, readOptions } from './peers/options.ts';
import { printResult } from './peers/print.ts';

const options = readOptions({ rows: 1000, rounds: 3 });
const environment = openEnvironment();
const generation = { num_beams: 1, max_new_tokens: 20 };

printResult(
  await compare({
    name: 'gpt2-20',
    title: 'GPT-2, 20 tokens',
    kind: 'generator',
    goal: 1.25,
    rows: paradetox(options),
    rounds: options.rounds,
    cores: options.cores,
    ours: ours(environment, 'gpt2', generation),
    peers: [ct2Generator(environment, 'gpt2', generation)],
    sample: 128,
    reference: {
      contender: transformersGenerator(environment, 'gpt2', generation, { batch: 32, sorted: true }),
      rows: 256,
    },
  }),
);
