/**
 * BART-base size, greedy, int8, one core: against CTranslate2 int8, and against transformers fp32 as a first script has it.
 *
 *   npm run bench -- bart-greedy [--rows 2000] [--rounds 3] [--cores 0] [--data data]
 *
 * transformers takes an eighth of the rows: it needs as long for them.
 */
import { compare } from './peers/compare.ts';
import { ct2Generator, ours, oursStatic, transformersGenerator } from './peers/engines.ts';
import { openEnvironment } from './peers/environment.ts';
import { paradetox, readOptions } from './peers/options.ts';
import { printResults } from './peers/print.ts';

const options = readOptions({ rows: 2000, rounds: 3 });
const environment = openEnvironment();
const generation = { num_beams: 1, max_new_tokens: 64 };
const shared = {
  kind: 'generator',
  rounds: options.rounds,
  cores: options.cores,
  ours: ours(environment, 'bart-base', generation),
  sample: 128,
} as const;
const rows = paradetox(options);
const transformers = transformersGenerator(environment, 'bart-base', generation);

printResults(
  await compare({
    ...shared,
    name: 'bart-greedy',
    title: 'BART-base, greedy',
    goal: 1.4,
    rows,
    also: {
      ...{ name: 'bart-greedy-static', title: 'BART-base, greedy, int8-static' },
      ours: oursStatic(environment, 'bart-base', rows, generation),
    },
    peers: [ct2Generator(environment, 'bart-base', generation)],
  }),
);
printResults(
  await compare({
    ...shared,
    name: 'bart-greedy-transformers',
    title: 'BART-base, greedy, first script',
    goal: 9,
    rows: paradetox({ ...options, rows: Math.ceil(options.rows / 8) }),
    peers: [transformers],
  }),
);
