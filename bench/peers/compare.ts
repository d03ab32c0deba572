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
import type { Settings } from './process.ts';

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

export async function compare(comparison: Comparison): Promise<Result> {
  const { rows, cores, rounds, kind } = comparison;
  const { texts } = rows;
  console.error(
    `${comparison.title}: ${texts.length} rows (${rows.source}), ${rounds} rounds, cores ${cores.join(' ')}`,
  );
  const open: OpenContender[] = [];
  const timed: Timed[][] = [];
  const loadBefore = loadavg()[0] ?? 0;
  try {
    for (const contender of [comparison.ours, ...comparison.peers]) {
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
  const measured = open.map((contender, c): Measured => {
    const runs = timed[c] ?? [];
    const outputs = runs[0]?.outputs ?? [];
    return {
      ...{ name: contender.name, variant: contender.variant, settings: contender.settings },
      versions: contender.versions,
      rowsPerSecond: runs.map((run) => texts.length / run.seconds),
      rowsPerCpuSecond: runs.map((run) => texts.length / run.cpuSeconds),
      peakMb: Math.max(...runs.map((run) => run.peakMb)),
      equalsReference: reference ? agreement(kind, reference, outputs).equal : null,
    };
  });
  const [ours, ...peers] = measured;
  if (!ours) throw new Error('nothing was measured');
  checkRepeats(timed[0] ?? []);
  const machine = readMachine();
  const result: Result = {
    ...{ name: comparison.name, title: comparison.title, goal: comparison.goal, kind, cores, machine },
    commit: readCommit(),
    takenAt: new Date().toISOString(),
    loadAverage,
    rows: { count: texts.length, source: rows.source },
    referenceRows: reference ? reference.length : null,
    ours,
    peers: peers.map((peer, p) => ({
      ...peer,
      ratios: peer.rowsPerSecond.map((rate, round) => (ours.rowsPerSecond[round] ?? Number.NaN) / rate),
      agreement: agreement(kind, timed[0]?.[0]?.outputs ?? [], timed[p + 1]?.[0]?.outputs ?? []),
    })),
  };
  mkdirSync(RESULTS, { recursive: true });
  writeFileSync(join(RESULTS, `${result.name}.${machine.kind}.json`), `${JSON.stringify(result, null, 2)}\n`);
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
