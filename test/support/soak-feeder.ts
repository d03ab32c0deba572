import { setTimeout as pause } from 'node:timers/promises';
import type { Database } from '../../src/store/database.ts';
import type { CliProcess, CliResult } from './cli.ts';
import type { FaultCluster } from './fault-cluster.ts';
import type { FaultRows } from './fault-rows.ts';
import type { Random } from './random.ts';

/** What commands say that find a service away, or a Redis that fails over. */
export const SERVICE_IS_AWAY = /cannot be used|is a replica, which takes no jobs/;
const RUNS_IN_FLIGHT = 3;
/** A row whose worker dies before it has decoded the chunk (see fault-worker.ts). All rows of that are given up. */
const KILLS_DECODING = '!kill-decoding';
/** What is planted in rows, and the code of the row error that it must end as; null: it must have a result. */
const POISONS: readonly (readonly [order: string, code: string | null])[] = [
  ['!throw', 'model_failed'],
  ['!die', 'engine_crashed'],
  ['!abort', 'engine_crashed'],
  ['!hang', 'engine_hung'],
  ['!block', 'engine_hung'],
  ['!silent', 'engine_no_answer'],
  ['!fault', 'fake_fault'],
  ['!leak', null],
  ['!fat', null],
  ['!garbage-nothing', 'engine_bad_answer'],
  ['!garbage-no-rewrite', 'engine_bad_answer'],
  ['!garbage-nan', 'engine_bad_answer'],
  ['!garbage-message', 'engine_crashed'],
  ['!refused', 'not_storable'],
  ['!kill-worker', 'worker_killed'],
  [KILLS_DECODING, 'worker_killed'],
];
const KILLERS: readonly string[] = ['!kill-worker', KILLS_DECODING];
/** Rows that kill their worker take six of its deaths: one run in so many has one. */
const RUNS_PER_KILLER = 6;
/** As many have large rows among the small ones. */
const RUNS_PER_LARGE = 4;
const LARGEST_WORDS = 20_000;

export interface SoakRun {
  readonly name: string;
  readonly rows: FaultRows;
  readonly chunkRows: number;
  /** Code of each row that must be a row error. */
  readonly errors: Readonly<Record<number, string>>;
  /** What was planted, by row. */
  readonly orders: Readonly<Record<number, string>>;
  /** Null until it is in the ledger. */
  id: string | null;
}

export interface SoakFeeder {
  readonly runs: readonly SoakRun[];
  /** Times that a producer was killed, and that a second one read the same source. */
  readonly counts: { producersKilled: number; secondProducers: number };
  finish(): Promise<void>;
  stop(): void;
}

interface Dependencies {
  readonly cluster: FaultCluster;
  readonly env: Record<string, string>;
  readonly database: Database;
  readonly random: Random;
  patiently<T>(work: () => Promise<T>): Promise<T>;
  note(line: string): void;
  blame(what: string): void;
}

/** Begins runs, so that some are always under way, with producers that are killed, doubled, and started again. */
export function createSoakFeeder({ cluster, env, database, random, patiently, note, blame }: Dependencies): SoakFeeder {
  const runs: SoakRun[] = [];
  const counts = { producersKilled: 0, secondProducers: 0 };
  let begun = 0;
  let wanted = true;
  let stopped = false;

  const newRun = async (chance: Random): Promise<SoakRun> => {
    const name = `soak-${begun++}`;
    const count = chance.integer(100, 1_200);
    const orders: Record<number, string> = {};
    const chunkRows = chance.integer(4, 32);
    for (let planted = chance.integer(0, 4); planted > 0; planted -= 1) {
      const [order] = chance.pick(POISONS);
      if (!KILLERS.includes(order)) orders[chance.integer(0, count - 1)] = order;
    }
    if (chance.integer(1, RUNS_PER_LARGE) === 1) {
      for (let large = chance.integer(1, 6); large > 0; large -= 1) {
        orders[chance.integer(0, count - 1)] = `!large ${'lorem ipsum '.repeat(chance.integer(10, LARGEST_WORDS))}`;
      }
    }
    const killerAt = chance.integer(0, count - 1);
    const killer = chance.integer(1, RUNS_PER_KILLER) === 1 ? chance.pick(KILLERS) : null;
    if (killer !== null) orders[killerAt] = killer;
    const errors: Record<number, string> = {};
    for (const [row, order] of Object.entries(orders)) {
      const code = POISONS.find(([known]) => known === order)?.[1];
      if (code != null) errors[Number(row)] = code;
    }
    if (killer === KILLS_DECODING) {
      const first = Math.floor(killerAt / chunkRows) * chunkRows;
      for (let row = first; row < Math.min(first + chunkRows, count); row += 1) errors[row] = 'worker_killed';
    }
    const run: SoakRun = { name, rows: await cluster.rows(count, orders), chunkRows, errors, orders, id: null };
    runs.push(run);
    return run;
  };

  const find = async (name: string) => {
    const [row] = await patiently(() =>
      database.query<{ id: string; state: string; rows: number | null }>(
        'SELECT id, state, rows_total AS rows FROM detoxq.runs WHERE name = $1',
        [name],
      ),
    );
    return row;
  };

  /** Reads a source into the ledger, whatever happens to those that do it. */
  const produce = async (run: SoakRun, chance: Random): Promise<void> => {
    const options = ['--chunk-rows', String(run.chunkRows), '--name', run.name];
    const begin = (): CliProcess => cluster.startCli(['enqueue', run.rows.file, ...options], env);
    let producer = begin();
    for (;;) {
      if (chance.chance(0.35)) {
        const victim = producer;
        setTimeout(
          () => {
            if (victim.child.kill('SIGKILL')) counts.producersKilled += 1;
          },
          chance.integer(300, 8_000),
        ).unref();
      }
      const end = await producer.ended;
      if (stopped) return;
      const found = await find(run.name);
      run.id = found?.id ?? null;
      if (found !== undefined && found.rows !== null) return;
      if (!failedForServices(end)) blame(`a producer ended: code ${end.code}, ${lastLines(end.stderr)}`);
      note(`producer of ${run.name} ended (${end.signal ?? end.code}), and another takes over`);
      await pause(200);
      producer = found === undefined ? begin() : cluster.readOn(found.id, env);
    }
  };

  /** Reads the same source into the same run, beside the producer that began it. */
  const produceToo = async (run: SoakRun): Promise<void> => {
    let found = await find(run.name);
    for (; found === undefined && !stopped; found = await find(run.name)) await pause(100);
    if (found === undefined) return;
    counts.secondProducers += 1;
    const end = await cluster.readOn(found.id, env).ended;
    if (end.code !== 0 && !stopped && !failedForServices(end)) {
      blame(`a second producer ended: code ${end.code}, ${lastLines(end.stderr)}`);
    }
  };

  const ended = async (run: SoakRun): Promise<void> => {
    while (!stopped) {
      if ((await find(run.name))?.state === 'done') return;
      await pause(500);
    }
  };

  const lanes = Array.from({ length: RUNS_IN_FLIGHT }, async () => {
    const chance = random.fork();
    while (wanted) {
      const run = await newRun(chance);
      const second = chance.chance(0.3) ? produceToo(run) : undefined;
      await produce(run, chance);
      await second;
      note(`${run.name} (${run.id}) is in the ledger`);
      await ended(run);
      note(`${run.name} (${run.id}) is done`);
    }
  });
  const all = Promise.all(lanes);
  all.catch((error) => blame(`the feeder failed: ${error}`));

  return {
    runs,
    counts,
    async finish() {
      wanted = false;
      await all;
    },
    stop() {
      wanted = false;
      stopped = true;
    },
  };
}

export function lastLines(text: string): string {
  return text.trimEnd().split('\n').slice(-12).join('\n');
}

/** Whether a command failed for no other reason than a service that was away. */
export function failedForServices({ code, signal, stderr }: CliResult): boolean {
  return signal !== null || (code === 1 && SERVICE_IS_AWAY.test(stderr));
}
