/**
 * Cost against work: rows/s, time to the first result and memory of `detoxq run` with the bundled models as the rows grow,
 * and the time from the start of a worker to its first claim and its first result with graphs that are compiled.
 *
 *   npm run bench -- scale [--sizes 1000,10000,100000] [--cores 0,1] [--data data]
 *
 * Rows are comments of Jigsaw and sentences of WordNet, no text twice; then the same for a corpus that repeats itself. Memory is that of the command and its engine
 * processes at its highest, pages that they share counted in each. `bench/way.ts` does the same without inference, for a
 * million rows.
 */
import { execFileSync, spawn } from 'node:child_process';
import { mkdirSync, readFileSync, realpathSync, writeFileSync } from 'node:fs';
import { loadavg } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { keepServices, stopServices } from '../src/services/lease.ts';
import type { Database } from '../src/store/database.ts';
import { createPool } from '../src/store/pool.ts';
import { openEnvironment } from './peers/environment.ts';
import { readCommit, readMachine } from './peers/machine.ts';
import { median } from './peers/statistics.ts';
import type { ScaleResult } from './report/results.ts';
import { watchTree } from './setup/process-tree.ts';
import { silent } from './setup/silent.ts';

const ROOT = join(import.meta.dirname, '..');
const CACHE = join(ROOT, 'bench/.cache');
const RESULTS = join(ROOT, 'docs/benchmarks');
/** As it is installed: sources would be stripped of their types at each start. */
const MAIN = join(ROOT, 'dist/cli/main.js');
const STARTS = 3;
/** Rows of the corpus that repeats itself, and how often each text stands in it. */
const REPEATED = { rows: 10_000, times: 5 };

const { values } = parseArgs({
  options: {
    sizes: { type: 'string', default: '1000,10000,100000' },
    cores: { type: 'string', default: '0,1' },
    data: { type: 'string', default: join(import.meta.dirname, '../data') },
  },
});
const processes = String(values.cores.split(',').length);
const home = join(CACHE, 'scale-home');

/** Texts of Jigsaw and WordNet, each once, mixed the same way each time. */
function readTexts(): string[] {
  const column = (file: string, at: number): string[] =>
    readFileSync(join(values.data, file), 'utf8')
      .split('\n')
      .slice(1)
      .map((line) => line.split('\t')[at] ?? '');
  const texts = [...column('jigsaw_labelled.tsv', 0), ...column('wordnet_text.tsv', 1)];
  const distinct = [...new Set(texts)].filter((text) => text !== '');
  const key = (at: number): number => Math.imul(at + 1, 0x9e3779b1) >>> 0;
  return distinct
    .map((text, at) => ({ text, key: key(at) }))
    .sort((a, b) => a.key - b.key)
    .map(({ text }) => text);
}

/** Each of the first texts so many times, far from each other, as where people answer alike. */
function repeatedTexts(texts: readonly string[]): string[] {
  const distinct = texts.slice(0, REPEATED.rows / REPEATED.times);
  return Array.from({ length: REPEATED.times }, () => distinct).flat();
}

function writeRows(texts: readonly string[]): string {
  const file = join(CACHE, 'scale.csv');
  writeFileSync(file, `text\n${texts.map((text) => `"${text.replaceAll('"', '""')}"`).join('\n')}\n`);
  return file;
}

async function detoxq(
  args: readonly string[],
): Promise<{ stdout: string; startedAt: number; seconds: number; peakMb: number }> {
  const startedAt = Date.now();
  const child = spawn('taskset', ['-c', values.cores, process.execPath, MAIN, ...args], {
    env: { ...process.env, DETOXQ_HOME: home, DETOXQ_CHECKPOINTS: realpathSync(join(CACHE, 'widened')) },
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  const watch = watchTree(child.pid ?? 0);
  let [stdout, stderr] = ['', ''];
  child.stdout.on('data', (text) => {
    stdout += text;
  });
  child.stderr.on('data', (text) => {
    stderr += text;
  });
  const code = await new Promise((resolve) => child.once('close', resolve));
  const { peakMb } = watch.stop();
  if (code !== 0) throw new Error(`detoxq ${args.join(' ')} ended with ${code}: ${stderr}`);
  return { stdout, startedAt, seconds: (Date.now() - startedAt) / 1000, peakMb };
}

async function times(database: Database, run: string) {
  const [row] = await database.query<{ claimed: Date; done: Date }>(
    'SELECT min(claimed_at) AS claimed, min(done_at) AS done FROM detoxq.chunks WHERE run_id = $1',
    [run],
  );
  if (row === undefined) throw new Error('a query over all chunks gave no row');
  return { claimedAt: row.claimed.getTime(), doneAt: row.done.getTime() };
}

async function measureSize(database: Database, texts: readonly string[]) {
  const { stdout, startedAt, seconds, peakMb } = await detoxq([
    'run',
    writeRows(texts),
    '--processes',
    processes,
    '--json',
  ]);
  const { run } = JSON.parse(stdout);
  const firstResultSeconds = ((await times(database, run)).doneAt - startedAt) / 1000;
  await detoxq(['delete', run, '--yes']);
  return { rows: texts.length, seconds, rowsPerSecond: texts.length / seconds, firstResultSeconds, peakMb };
}

async function measureStart(database: Database, name: string, models: readonly string[], file: string) {
  const starts = [];
  for (let start = 0; start <= STARTS; start += 1) {
    const { stdout } = await detoxq(['enqueue', file, '--limit', '1', ...models]);
    const { startedAt } = await detoxq(['worker', '--processes', '1', '--exit-when-empty']);
    const { claimedAt, doneAt } = await times(database, stdout.trim());
    // The first one compiles.
    if (start > 0) starts.push({ claim: (claimedAt - startedAt) / 1000, result: (doneAt - startedAt) / 1000 });
  }
  return {
    name,
    firstClaimSeconds: median(starts.map(({ claim }) => claim)),
    firstResultSeconds: median(starts.map(({ result }) => result)),
  };
}

execFileSync('npm', ['run', 'build', '--silent'], { cwd: ROOT, stdio: ['ignore', 2, 2] });
mkdirSync(CACHE, { recursive: true });
const needs = { postgres: true, redis: true };
const { databaseUrl } = await keepServices({ home, path: process.env.PATH ?? '', log: silent, needs });
if (databaseUrl === null) throw new Error('there is no Postgres');
const database = createPool(databaseUrl, { max: 1, applicationName: 'bench' });
try {
  const loadBefore = loadavg()[0] ?? 0;
  const texts = readTexts();
  const first = writeRows(texts.slice(0, 300));
  await detoxq(['run', first, '--processes', processes]);
  const environment = openEnvironment();
  const baseSize = [
    '--scorer',
    environment.checkpoint('roberta-base'),
    '--detoxifier',
    environment.checkpoint('bart-base'),
  ];
  const starts = [
    await measureStart(database, 'bundled', [], first),
    await measureStart(database, 'RoBERTa-base and BART-base size', baseSize, first),
  ];
  for (const start of starts) {
    console.log(
      `${start.name}: claim after ${start.firstClaimSeconds.toFixed(2)} s, result after ${start.firstResultSeconds.toFixed(2)} s`,
    );
  }
  const sizes = [];
  for (const size of values.sizes.split(',').map(Number)) {
    const measured = await measureSize(database, texts.slice(0, size));
    sizes.push(measured);
    console.log(
      `${measured.rows} rows: ${measured.rowsPerSecond.toFixed(0)} rows/s, first result after ` +
        `${measured.firstResultSeconds.toFixed(1)} s, ${measured.peakMb.toFixed(0)} MB`,
    );
  }
  const repeated = { ...(await measureSize(database, repeatedTexts(texts))), times: REPEATED.times };
  console.log(`${repeated.rows} rows, each text ${repeated.times} times: ${repeated.rowsPerSecond.toFixed(0)} rows/s`);
  const machine = readMachine();
  const result: ScaleResult = {
    ...{ name: 'scale', title: 'Cost against work', kind: 'scale', cores: values.cores.split(','), machine },
    ...{ commit: readCommit(), takenAt: new Date().toISOString(), loadAverage: [loadBefore, loadavg()[0] ?? 0] },
    ...{ starts, sizes, repeated },
  };
  mkdirSync(RESULTS, { recursive: true });
  writeFileSync(join(RESULTS, `scale.${machine.kind}.json`), `${JSON.stringify(result, null, 2)}\n`);
} finally {
  await database.close();
  await stopServices(home);
}
