/** A generator against CTranslate2 int8, greedy or with beams, and both against transformers in fp32. */
import type { GenerationOverrides } from '../../src/contract/generation.ts';
import { compare } from './compare.ts';
import { ct2Generator, ours, oursStatic, transformersGenerator } from './engines.ts';
import { openEnvironment, type Size } from './environment.ts';
import { paradetox, readOptions } from './options.ts';
import { printResults } from './print.ts';

export interface GeneratorComparison {
  readonly name: string;
  readonly title: string;
  readonly goal: number;
  readonly size: Size;
  readonly generation: GenerationOverrides;
  /** Unless `--rows` says otherwise. */
  readonly rows: number;
  /** Rows on which settings are tried. */
  readonly sample: number;
  /** What transformers does, in batches of so many rows. */
  readonly reference: { readonly rows: number; readonly batch: number };
}

export async function compareGenerator(comparison: GeneratorComparison): Promise<void> {
  const { name, title, goal, size, generation, sample, reference } = comparison;
  const options = readOptions({ rows: comparison.rows, rounds: 3 });
  const environment = openEnvironment();
  const { rounds, cores } = options;
  const rows = paradetox(options);
  const results = await compare({
    ...{ name, title, goal, kind: 'generator', rows, rounds, cores, sample },
    ours: ours(environment, size, generation),
    also: {
      ...{ name: `${name}-static`, title: `${title}, int8-static` },
      ours: oursStatic(environment, size, rows, generation),
    },
    peers: [ct2Generator(environment, size, generation)],
    reference: {
      contender: transformersGenerator(environment, size, generation, { batch: reference.batch, sorted: true }),
      rows: reference.rows,
    },
  });
  printResults(results);
}
