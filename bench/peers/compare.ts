/**
 * Compares engines on the same rows in rounds: ours, a peer, the next peer, ours again, each pinned to the same cores, the
 * others idle meanwhile. Every side may sort and batch as it likes; tokenizing and, for generators, writing the text counts.
 */
import { mkdirSync, writeFileSync } from 'node:fs';
import { loadavg } from 'node:os';
import { join } from 'node:path';
import { type Agreement, agreement } from './agreement.ts';
import { type Contender, type OpenContender, openContender, type Timed } from './contender.ts';
import { type Machine, readCommit, readMachine } from './machine.ts';
import type { Outputs, Settings } from './process.ts';

export interface Comparison {
  /** Name of the file. */
  readonly name: string;
  readonly title: string;
  readonly kind: 'generator' | 'classifier';
  /** Ratio to the fastest peer that issue 6 asks for. */
  readonly goal: number;
  readonly rows: Rows;
  readonly rounds: number;
  /** As `taskset` names them. */
  readonly cores: readonly string[];
  readonly ours: Contender;
  /** Our engine in another form, in the same rounds and against the same peers: a comparison of its own. */
  readonly also?: { readonly name: string; readonly title: string; readonly ours: Contender };
  readonly peers: readonly Contender[];
  /** Rows on which variants and settings are tried. */
  readonly sample: number;
  /** transformers in fp32 on the first so many rows, once and not timed: what int8 changes, on both sides. */
  readonly reference?: { readonly contender: Contender; readonly rows: number };
}

export interface Rows {
  readonly texts: readonly string[];
  /** Which they are. */
  readonly source: string;
}

export interface Measured {
  readonly name: string;
  readonly variant: string;
  readonly settings: Settings;
  readonly versions: Readonly<Record<string, string>>;
  /** One a round. */
  readonly rowsPerSecond: readonly number[];
  /** Rows in a second of processor time, one a round: what to look at where the machine had other work. */
  readonly rowsPerCpuSecond: readonly number[];
  readonly peakMb: number;
  /** Rows of the reference that it gives too. */
  readonly equalsReference: number | null;
}

export interface PeerMeasured extends Measured {
  /** Ours to this, one a round. */
  readonly ratios: readonly number[];
  readonly agreement: Agreement;
}

/** What docs/benchmarks/NAME.KIND.json holds. */
export interface Result extends Pick<Comparison, 'name' | 'title' | 'goal' | 'kind' | 'cores'> {
  readonly machine: Machine;
  readonly commit: string;
  readonly takenAt: string;
  /** Of the last minute, before the first and after the last round: what else the machine did. */
  readonly loadAverage: readonly [number, number];
  readonly rows: { readonly count: number; readonly source: string };
  readonly referenceRows: number | null;
  readonly ours: Measured;
  readonly peers: readonly PeerMeasured[];
}

export const RESULTS = join(import.meta.dirname, '../../docs/benchmarks');

/** @returns one result, or two where there is another form of ours */
export async function compare(comparison: Comparison): Promise<Result[]> {
  const { rows, cores, rounds, also } = comparison;
  const { texts } = rows;
  console.error(
    `${comparison.title}: ${texts.length} rows (${rows.source}), ${rounds} rounds, cores ${cores.join(' ')}`,
  );
  const open: OpenContender[] = [];
  const timed: Timed[][] = [];
  const loadBefore = loadavg()[0] ?? 0;
  try {
    for (const contender of [comparison.ours, ...(also ? [also.ours] : []), ...comparison.peers]) {
      open.push(await openContender(contender, cores, texts.slice(0, comparison.sample)));
      timed.push([]);
    }
    for (let round = 1; round <= rounds; round += 1) {
      for (const [c, contender] of open.entries()) {
        const run = await contender.run(texts);
        timed[c]?.push(run);
        console.error(
          `  round ${round}: ${contender.name} ${(texts.length / run.seconds).toFixed(1)} rows/s, ${(texts.length / run.cpuSeconds).toFixed(1)} a processor second`,
        );
      }
    }
  } finally {
    for (const contender of open) await contender.close();
  }
  const loadAverage = [loadBefore, loadavg()[0] ?? 0] as const;
  const reference = await readReference(comparison);
  const sides = open.map((contender, c) => ({ contender, runs: timed[c] ?? [] }));
  const peers = sides.slice(also ? 2 : 1);
  const [first, second] = sides;
  if (!first) throw new Error('nothing was measured');
  const taken = { commit: readCommit(), takenAt: new Date().toISOString(), loadAverage, machine: readMachine() };
  const results = [write(comparison, taken, first, peers, reference)];
  if (also && second) results.push(write({ ...comparison, ...also }, taken, second, peers, reference));
  return results;
}

interface Side {
  readonly contender: OpenContender;
  /** One a round. */
  readonly runs: readonly Timed[];
}

function write(
  { name, title, goal, kind, cores, rows: { texts, source } }: Comparison,
  taken: Pick<Result, 'commit' | 'takenAt' | 'loadAverage' | 'machine'>,
  side: Side,
  others: readonly Side[],
  reference: Outputs | null,
): Result {
  checkRepeats(side.runs);
  const outputsOf = ({ runs }: Side): Outputs => runs[0]?.outputs ?? [];
  const measure = (one: Side): Measured => ({
    ...{ name: one.contender.name, variant: one.contender.variant, settings: one.contender.settings },
    versions: one.contender.versions,
    rowsPerSecond: one.runs.map((run) => texts.length / run.seconds),
    rowsPerCpuSecond: one.runs.map((run) => texts.length / run.cpuSeconds),
    peakMb: Math.max(...one.runs.map((run) => run.peakMb)),
    equalsReference: reference ? agreement(kind, reference, outputsOf(one)).equal : null,
  });
  const ours = measure(side);
  const peers = others.map((other): PeerMeasured => {
    const peer = measure(other);
    return {
      ...peer,
      ratios: peer.rowsPerSecond.map((rate, round) => (ours.rowsPerSecond[round] ?? Number.NaN) / rate),
      agreement: agreement(kind, outputsOf(side), outputsOf(other)),
    };
  });
  const rows = { count: texts.length, source };
  const result: Result = {
    ...{ name, title, goal, kind, cores, ...taken, rows, ours, peers },
    referenceRows: reference ? reference.length : null,
  };
  mkdirSync(RESULTS, { recursive: true });
  writeFileSync(join(RESULTS, `${name}.${taken.machine.kind}.json`), `${JSON.stringify(result, null, 2)}\n`);
  return result;
}

async function readReference({ reference, rows, cores }: Comparison) {
  if (!reference) return null;
  const texts = rows.texts.slice(0, reference.rows);
  const contender = await openContender(reference.contender, cores, []);
  try {
    return (await contender.run(texts)).outputs;
  } finally {
    await contender.close();
  }
}

/** Our outputs are the same every time. */
function checkRepeats([first, ...later]: readonly Timed[]): void {
  const text = JSON.stringify(first?.outputs);
  if (later.some((run) => JSON.stringify(run.outputs) !== text)) throw new Error('our outputs changed between rounds');
}
