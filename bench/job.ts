/**
 * The whole job: 16,000 rows of which a fifth is toxic, scored, rewritten, scored again, results in Postgres; from the start
 * of a command to its end. Ours, ours with a prefilter, and a Python script with the faster of CTranslate2 and onnxruntime
 * for the scorer and CTranslate2 for the rewrite (bench/peers/job.py), a process on each core.
 *
 *   npm run bench -- job [--rows 16000] [--rounds 3] [--cores 0,1] [--data data] [--prefilter nano-bert]
 *
 * RoBERTa-base and BART-base size, int8, greedy. Graphs are compiled and checkpoints converted before; Postgres and Redis
 * run already, on all cores. A prefilter is calibrated on 4,742 rows: with fewer, it is left out. CPU time is that of the
 * command and its children, without Postgres and Redis: what to look at where the machine has other work.
 */
import { execFileSync, spawn } from 'node:child_process';
import { mkdirSync, writeFileSync } from 'node:fs';
import { loadavg } from 'node:os';
import { join } from 'node:path';
import { KEPT_MEMORY } from '../src/config.ts';
import { keepServices, stopServices } from '../src/services/lease.ts';
import type { Database } from '../src/store/database.ts';
import { createPool } from '../src/store/pool.ts';
import { type Contender, openContender } from './peers/contender.ts';
import { ct2Classifier, ct2Generator, onnxruntimeClassifier } from './peers/engines.ts';
import { openEnvironment } from './peers/environment.ts';
import { readCommit, readMachine } from './peers/machine.ts';
import { jigsaw, readOptions } from './peers/options.ts';
import { median, range } from './peers/statistics.ts';
import type { JobResult } from './report/results.ts';
import { makeJobRows } from './setup/job-rows.ts';
import { watchTree } from './setup/process-tree.ts';
import { silent } from './setup/silent.ts';

const GOALS = { exact: 1.5, prefilter: 4 };
const TOXIC_SHARE = 0.2;
/** On which the ways to run a peer are compared. */
const SAMPLE_ROWS = 96;
const PREFILTER = 'nano-bert';
const LEAST_ROWS_FOR_PREFILTER = 4742;
const GENERATION = { num_beams: 1, max_new_tokens: 64 };
const ROOT = join(import.meta.dirname, '..');
const CACHE = join(ROOT, 'bench/.cache');
const RESULTS = join(ROOT, 'docs/benchmarks');
/** As it is installed. */
const MAIN = join(ROOT, 'dist/cli/main.js');

interface Done {
  readonly seconds: number;
  readonly cpuSeconds: number;
  readonly peakMb: number;
  readonly outcomes: Readonly<Record<string, number>>;
  /** Outcome of each row, in order. */
  readonly perRow: readonly string[];
  readonly versions: Readonly<Record<string, string>>;
  readonly notes: Readonly<Record<string, unknown>>;
}

interface Side {
  readonly name: string;
  readonly goal: number | null;
  run(): Promise<Done>;
}

execFileSync('npm', ['run', 'build', '--silent'], { cwd: ROOT, stdio: ['ignore', 2, 2] });
const options = readOptions({ rows: 16_000, rounds: 3, cores: '0,1' });
const environment = openEnvironment();
const rows = await makeJobRows(options.data, options.rows, TOXIC_SHARE);
const home = join(CACHE, 'job-home');

/** Runs a command on the cores of the benchmark. */
async function timed(command: string, args: readonly string[], env: Readonly<Record<string, string>>) {
  const startMs = performance.now();
  const shell = [
    '-c',
    'TIMEFORMAT="cpu %U %S"; time taskset -c "$@"',
    'bash',
    options.cores.join(','),
    command,
    ...args,
  ];
  const child = spawn('bash', shell, { env: { ...process.env, ...env }, stdio: ['ignore', 'pipe', 'pipe'] });
  const watch = watchTree(child.pid ?? 0);
  const texts = { stdout: '', stderr: '' };
  for (const name of ['stdout', 'stderr'] as const) {
    child[name].setEncoding('utf8').on('data', (text: string) => {
      texts[name] += text;
    });
  }
  const code = await new Promise((resolve) => child.once('close', resolve));
  const { peakMb } = watch.stop();
  if (code !== 0) throw new Error(`${command} ${args.join(' ')} ended with ${code}: ${texts.stderr}`);
  const [, user, system] = /cpu ([\d.]+) ([\d.]+)\s*$/.exec(texts.stderr) ?? [];
  const seconds = (performance.now() - startMs) / 1000;
  return { stdout: texts.stdout, seconds, cpuSeconds: Number(user) + Number(system), peakMb };
}

async function outcomesOf(database: Database, sql: string): Promise<string[]> {
  return (await database.query<{ outcome: string }>(sql)).map(({ outcome }) => outcome);
}

function ours(database: Database, more: readonly string[]): () => Promise<Done> {
  return async () => {
    const { stdout, ...measured } = await timed(
      process.execPath,
      [
        ...[MAIN, 'run', rows.file, '--text-column', 'text', '--json'],
        ...['--processes', String(options.cores.length), '--precision', 'int8', '--num-beams', '1'],
        ...['--scorer', environment.checkpoint('roberta-base'), '--detoxifier', environment.checkpoint('bart-base')],
        ...['--max-new-tokens', String(GENERATION.max_new_tokens), ...more],
      ],
      { DETOXQ_HOME: home },
    );
    const report = JSON.parse(stdout);
    const perRow = await outcomesOf(
      database,
      `SELECT outcome FROM detoxq.results WHERE run_id = '${report.run}' ORDER BY row_no`,
    );
    const notes = { engineMs: report.engineMs, prefilter: report.prefilter };
    return { ...measured, outcomes: report.outcomes, perRow, versions: {}, notes };
  };
}

interface Chosen {
  readonly name: string;
  readonly load: unknown;
  readonly settings: unknown;
  readonly environment: Readonly<Record<string, string>>;
}

/** The fastest of contenders at its best, each on one core. */
async function fastest(contenders: readonly Contender[]): Promise<Chosen> {
  const sample = jigsaw({ ...options, rows: SAMPLE_ROWS }).texts;
  let best: { seconds: number; chosen: Chosen } | undefined;
  for (const contender of contenders) {
    const open = await openContender(contender, options.cores, sample);
    const { seconds } = await open.run(sample);
    await open.close();
    const variant = contender.variants.find(({ label }) => label === open.variant);
    if (variant === undefined || (best && best.seconds <= seconds)) continue;
    const name = `${contender.name}, ${open.variant}`;
    best = {
      seconds,
      chosen: { name, load: variant.load, settings: open.settings, environment: variant.environment ?? {} },
    };
  }
  if (best === undefined) throw new Error('there is nothing to choose from');
  return best.chosen;
}

async function script(database: Database, databaseUrl: string): Promise<Side> {
  const scorer = await fastest([
    ct2Classifier(environment, 'roberta-base'),
    onnxruntimeClassifier(environment, 'roberta-base'),
  ]);
  const detoxifier = await fastest([ct2Generator(environment, 'bart-base', GENERATION)]);
  const job = join(CACHE, 'job.json');
  const given = { rows: rows.file, database: databaseUrl, processes: options.cores.length, threshold: 0.5 };
  writeFileSync(job, JSON.stringify({ ...given, scorer, detoxifier }), { mode: 0o600 });
  // Both in one process: where they differ, what is best for the scorer, which has most of the work.
  const env = {
    ...detoxifier.environment,
    ...scorer.environment,
    ...KEPT_MEMORY,
    OMP_NUM_THREADS: '1',
    TOKENIZERS_PARALLELISM: 'false',
  };
  return {
    name: `Python: ${scorer.name}; ${detoxifier.name}`,
    goal: null,
    async run() {
      const { stdout, ...measured } = await timed(
        environment.python,
        [join(import.meta.dirname, 'peers/job.py'), job],
        {
          ...{ ...env, ORT_DISABLE_TELEMETRY: '1' },
        },
      );
      const { outcomes, versions } = JSON.parse(stdout);
      const perRow = await outcomesOf(database, 'SELECT outcome FROM peer_results ORDER BY row_no');
      const notes = { scorer: scorer.settings, detoxifier: detoxifier.settings };
      return { ...measured, outcomes, perRow, versions, notes };
    },
  };
}

const needs = { postgres: true, redis: true };
const { databaseUrl } = await keepServices({ home, path: process.env.PATH ?? '', log: silent, needs });
if (databaseUrl === null) throw new Error('there is no Postgres');
const database = createPool(databaseUrl, { max: 1, applicationName: 'bench' });
try {
  // Compiles the graphs.
  await ours(database, ['--limit', '8'])();
  const peer = await script(database, databaseUrl);
  const sides: Side[] = [{ name: 'detoxq int8', goal: GOALS.exact, run: ours(database, []) }, peer];
  if (rows.count >= LEAST_ROWS_FOR_PREFILTER) {
    const prefilter = ['--prefilter', PREFILTER, '--prefilter-max-miss', '0.1%'];
    sides.push({ name: `detoxq int8, prefilter ${PREFILTER}`, goal: GOALS.prefilter, run: ours(database, prefilter) });
  }
  const loadBefore = loadavg()[0] ?? 0;
  const done: Done[][] = sides.map(() => []);
  for (let round = 1; round <= options.rounds; round += 1) {
    for (const [s, side] of sides.entries()) {
      const one = await side.run();
      done[s]?.push(one);
      console.error(
        `  round ${round}: ${side.name}: ${one.seconds.toFixed(1)} s, ${one.cpuSeconds.toFixed(1)} s of CPU time`,
      );
    }
  }
  const [exact, theirs] = done;
  const measured = sides.map((side, s) => {
    const runs = done[s] ?? [];
    const [first] = runs;
    return {
      ...{ name: side.name, goal: side.goal, versions: first?.versions ?? {}, outcomes: first?.outcomes ?? {} },
      rowsPerSecond: runs.map(({ seconds }) => rows.count / seconds),
      cpuMsPerRow: runs.map(({ cpuSeconds }) => (1000 * cpuSeconds) / rows.count),
      peakMb: Math.max(...runs.map(({ peakMb }) => peakMb)),
      /** The script's time to this side's, one a round. */
      ratios: runs.map(({ seconds }, round) => (theirs?.[round]?.seconds ?? Number.NaN) / seconds),
      cpuRatios: runs.map(({ cpuSeconds }, round) => (theirs?.[round]?.cpuSeconds ?? Number.NaN) / cpuSeconds),
      /** Rows with the outcome that they have without a prefilter. */
      equalOutcomes: first?.perRow.filter((outcome, at) => outcome === exact?.[0]?.perRow[at]).length ?? 0,
      notes: first?.notes ?? {},
    };
  });
  const machine = readMachine();
  const result: JobResult = {
    ...{ name: 'job', title: 'The whole job', kind: 'job', cores: options.cores, machine, commit: readCommit() },
    takenAt: new Date().toISOString(),
    loadAverage: [loadBefore, loadavg()[0] ?? 0],
    rows: { count: rows.count, source: rows.source },
    sides: measured,
  };
  mkdirSync(RESULTS, { recursive: true });
  writeFileSync(join(RESULTS, `job.${machine.kind}.json`), `${JSON.stringify(result, null, 2)}\n`);
  console.log(`${rows.count} rows, ${rows.source}; cores ${options.cores.join(' ')} of ${machine.cpu}`);
  for (const side of measured) {
    const rate = `${median(side.rowsPerSecond).toFixed(1)} rows/s (${range(side.rowsPerSecond, 1)})`;
    const cpu = `${median(side.cpuMsPerRow).toFixed(1)} ms of CPU time per row`;
    const ratio = `× ${median(side.ratios).toFixed(2)} (CPU time × ${median(side.cpuRatios).toFixed(2)})`;
    const goal = side.goal === null ? '' : `, goal × ${side.goal}`;
    console.log(`  ${side.name}: ${rate}, ${cpu}, ${side.peakMb.toFixed(0)} MB; ${ratio}${goal}`);
    console.log(`    ${JSON.stringify(side.outcomes)}, ${side.equalOutcomes} rows as without a prefilter`);
  }
} finally {
  await database.close();
  await stopServices(home);
}
