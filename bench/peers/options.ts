/** Command line of a benchmark, and the rows that it names. */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import type { Rows } from './compare.ts';

export interface BenchOptions {
  readonly rows: number;
  readonly rounds: number;
  readonly cores: readonly string[];
  /** Folder with paradetox.tsv and jigsaw_labelled.tsv. */
  readonly data: string;
  /** Words, one of which the name of a peer must have; empty: all peers. */
  readonly only: readonly string[];
}

/** `--rows N --rounds R --cores 0,1 --data FOLDER`, and `--only CTranslate2,onnxruntime` where it has a default. */
export function readOptions(defaults: { rows: number; rounds: number; cores?: string; only?: string }): BenchOptions {
  const { values } = parseArgs({
    options: {
      rows: { type: 'string', default: String(defaults.rows) },
      rounds: { type: 'string', default: String(defaults.rounds) },
      cores: { type: 'string', default: defaults.cores ?? '0' },
      data: { type: 'string', default: join(import.meta.dirname, '../../data') },
      ...(defaults.only !== undefined && { only: { type: 'string', default: defaults.only } }),
    },
  });
  return {
    rows: Number(values.rows),
    rounds: Number(values.rounds),
    cores: values.cores.split(','),
    data: values.data,
    only: String(values.only ?? '')
      .split(',')
      .filter((word) => word !== ''),
  };
}

/** Toxic sentences of ParaDetox, each once. */
export function paradetox({ data, rows }: BenchOptions): Rows {
  return firstColumn(join(data, 'paradetox.tsv'), rows, 'ParaDetox');
}

/** Comments of Jigsaw of all lengths, half of them toxic, each once. */
export function jigsaw({ data, rows }: BenchOptions): Rows {
  return firstColumn(join(data, 'jigsaw_labelled.tsv'), rows, 'Jigsaw');
}

function firstColumn(file: string, count: number, name: string): Rows {
  const lines = readFileSync(file, 'utf8').split('\n').slice(1);
  const texts = [...new Set(lines.map((line) => line.split('\t', 1)[0] ?? ''))].filter((text) => text !== '');
  return { texts: texts.slice(0, count), source: `the first ${Math.min(count, texts.length)} texts of ${name}` };
}
