/**
 * T5-base size, greedy, int8, one core, against CTranslate2 int8.
 *
 *   npm run bench -- t5-greedy [--rows 1000] [--rounds 3] [--cores 0] [--data ../shared/data]
 */
import { compare } from './peers/compare.ts';
import { ct2Generator, ours, transformersGenerator } from './peers/engines.ts';
import { openEnvironment } from './peers/environment.ts';
import { paradetox, readOptions } from './peers/options.ts';
import { printResult } from './peers/print.ts';

const options = readOptions({ rows: 1000, rounds: 3 });
const environment = openEnvironment();
const generation = { num_beams: 1, max_new_tokens: 64 };

printResult(
  await compare({
    name: 't5-greedy',
    title: 'T5-base, greedy',
    kind: 'generator',
    goal: 1.25,
    rows: paradetox(options),
    rounds: options.rounds,
    cores: options.cores,
    ours: ours(environment, 't5-base', generation),
    peers: [ct2Generator(environment, 't5-base', generation)],
    sample: 128,
    reference: {
      contender: transformersGenerator(environment, 't5-base', generation, { batch: 32, sorted: true }),
      rows: 256,
    },
  }),
);
