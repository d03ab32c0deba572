/**
 * Two engine processes on two cores against one, the same rows: BART-base size, greedy, int8.
 *
 *   npm run bench -- processes [--rows 1000] [--rounds 3] [--cores 0,1] [--data ../shared/data]
 *
 * Both cores have to be free.
 */
import { compare } from './peers/compare.ts';
import { ours } from './peers/engines.ts';
import { openEnvironment } from './peers/environment.ts';
import { paradetox, readOptions } from './peers/options.ts';
import { printResults } from './peers/print.ts';

const options = readOptions({ rows: 1000, rounds: 3, cores: '0,1' });
const engine = ours(openEnvironment(), 'bart-base', { num_beams: 1, max_new_tokens: 64 });

printResults(
  await compare({
    name: 'processes',
    title: 'BART-base, greedy, two processes',
    kind: 'generator',
    goal: 1.9,
    rows: paradetox(options),
    rounds: options.rounds,
    cores: options.cores,
    ours: { ...engine, name: 'detoxq int8, 2 processes', cores: options.cores },
    peers: [{ ...engine, name: 'detoxq int8, 1 process' }],
    sample: 16,
  }),
);
