/**
 * Two engine processes on two cores against one, the same rows: BART-base size, greedy, int8. Once bound to a core each, and once
 * to both, as a worker leaves them.
 *
 *   npm run bench -- processes [--rows 1000] [--rounds 3] [--cores 0,1] [--data data]
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
    also: {
      ...{ name: 'processes-unbound', title: 'BART-base, greedy, two processes, not bound to a core each' },
      ours: { ...engine, name: 'detoxq int8, 2 processes', cores: options.cores.map(() => options.cores.join(',')) },
    },
    peers: [{ ...engine, name: 'detoxq int8, 1 process' }],
    sample: 16,
  }),
);
