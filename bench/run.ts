/**
 * Where the time of a whole job goes: rows/s of `detoxq run`, split into read, queue, score, rewrite, text and write.
 *
 *   npm run bench -- run FILE [--text-column toxic] [--limit 2000] [--repeat 3] [--processes 2] [--precision int8]
 *
 * Runs the command in a home of its own, with embedded services, once to warm up (compiled graphs, page cache) and then
 * `--repeat` times. score, rewrite and text are what the engine processes measured, summed over them. read, queue and
 * write are measured apart, on the same services, by doing just that work once more with the same rows and results: they
 * overlap inference in a real run. Prints medians with ranges, and everything as JSON on the last line.
 */
import { execFile } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { availableParallelism, cpus, tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseArgs, promisify } from 'node:util';
import { knownSettings } from '../src/contract/features.ts';
import type { RowResult } from '../src/contract/outcome.ts';
import { openDataset } from '../src/producer/dataset.ts';
import { produce } from '../src/producer/produce.ts';
import { createRedisQueue } from '../src/queue/redis-queue.ts';
import { keepServices, stopServices } from '../src/services/lease.ts';
import { appendChunks } from '../src/store/chunks.ts';
import type { Database } from '../src/store/database.ts';
import { modelId } from '../src/store/models.ts';
import { createPool } from '../src/store/pool.ts';
import { streamResults } from '../src/store/results.ts';
import { createRun, finishEnqueue, getRun } from '../src/store/runs.ts';
import { claimChunk, completeChunk } from '../test/support/one-chunk.ts';
import { median } from './peers/statistics.ts';
import { silent } from './setup/silent.ts';

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    'text-column': { type: 'string', default: 'toxic' },
    limit: { type: 'string', default: '2000' },
    repeat: { type: 'string', default: '3' },
    processes: { type: 'string', default: String(availableParallelism()) },
    precision: { type: 'string', default: 'int8' },
  },
});
const [file] = positionals;
if (file === undefined)
  throw new Error('usage: npm run bench -- run FILE [--text-column toxic] [--limit 2000] [--repeat 3]');

const home = mkdtempSync(join(tmpdir(), 'detoxq-bench-'));
const path = process.env.PATH ?? '';

interface Report {
  readonly run: string;
  readonly rows: number;
  readonly wallMs: number;
  readonly engineMs: Readonly<Record<string, number>>;
  readonly outcomes: Readonly<Record<string, number>>;
}

async function runOnce(input: string): Promise<Report & { commandMs: number }> {
  const startMs = performance.now();
  const { stdout } = await promisify(execFile)(
    process.execPath,
    [
      join(import.meta.dirname, '../src/cli/main.ts'),
      ...['run', input, '--text-column', values['text-column'], '--limit', values.limit],
      ...['--processes', values.processes, '--precision', values.precision, '--json'],
    ],
    { env: { PATH: path, HOME: home, DETOXQ_HOME: home } },
  );
  return { ...JSON.parse(stdout), commandMs: performance.now() - startMs };
}

/** Reads, enqueues and writes the rows of a finished run once more, and nothing else. */
async function carryOnly(input: string, done: Report, database: Database, redisUrl: string) {
  const open = () => openDataset([input], { textColumn: values['text-column'], limit: Number(values.limit) });
  const readStartMs = performance.now();
  for await (const _ of (await open()).read());
  const readMs = performance.now() - readStartMs;

  const settings = knownSettings(await getRun(database, done.run), 'this benchmark');
  const results: RowResult[] = [];
  for await (const result of streamResults(database, done.run)) results.push(result);
  const dataset = await open();
  const queue = await createRedisQueue({ url: redisUrl, name: 'bench', log: silent });
  const run = await createRun(database, { name: 'bench', source: dataset.source, settings });
  const queueStartMs = performance.now();
  await produce({
    dataset,
    runId: run.id,
    queue,
    ledger: {
      appendChunks: (chunks) => appendChunks(database, run.id, chunks),
      finishEnqueue: (totals) => finishEnqueue(database, run.id, totals),
    },
  });
  const queueMs = performance.now() - queueStartMs - readMs;
  const ids = {
    scorerId: await modelId(database, settings.scorer),
    detoxifierId: await modelId(database, settings.detoxifier),
  };
  const writeStartMs = performance.now();
  for (let chunkNo = 0; chunkNo * 256 < results.length; chunkNo += 1) {
    const claim = await claimChunk(database, { runId: run.id, chunkNo, worker: 'bench' });
    if (typeof claim === 'string') throw new Error(`chunk ${chunkNo} is ${claim}`);
    const own = results.slice(claim.firstRow, claim.firstRow + claim.rowCount);
    await completeChunk(database, claim, { results: own, errors: [], ...ids, timingsMs: {} });
  }
  const writeMs = performance.now() - writeStartMs;
  await queue.obliterate();
  await queue.close();
  return { readMs, queueMs, writeMs };
}

try {
  const { databaseUrl, redisUrl } = await keepServices({
    home,
    path,
    log: silent,
    needs: { postgres: true, redis: true },
  });
  if (databaseUrl === null || redisUrl === null) throw new Error('this benchmark needs a redis-server on PATH');
  const database = createPool(databaseUrl, { max: 2, applicationName: 'bench' });
  await runOnce(file);
  const samples = [];
  for (let repeat = 0; repeat < Number(values.repeat); repeat += 1) {
    const report = await runOnce(file);
    samples.push({ ...report, ...(await carryOnly(file, report, database, redisUrl)) });
  }
  await database.close();
  const rows = samples[0]?.rows ?? 0;
  const stages: Record<string, readonly number[]> = {
    'command, start to end': samples.map((sample) => sample.commandMs),
    'job, first claim to last write': samples.map((sample) => sample.wallMs),
    read: samples.map((sample) => sample.readMs),
    queue: samples.map((sample) => sample.queueMs),
    score: samples.map((sample) => sample.engineMs.score ?? Number.NaN),
    rewrite: samples.map((sample) => sample.engineMs.rewrite ?? Number.NaN),
    text: samples.map((sample) => sample.engineMs.text ?? Number.NaN),
    write: samples.map((sample) => sample.writeMs),
  };
  console.log(
    `${rows} rows, ${values.processes} engine processes, ${values.precision}, ${cpus()[0]?.model}, Node ${process.version}`,
  );
  for (const [stage, ms] of Object.entries(stages)) {
    const range = `${Math.min(...ms).toFixed(0)}–${Math.max(...ms).toFixed(0)}`;
    const rate = `${Math.round((rows * 1000) / median(ms))} rows/s`;
    console.log(`  ${stage.padEnd(32)} ${median(ms).toFixed(0).padStart(7)} ms  (${range})  ${rate}`);
  }
  console.log(JSON.stringify({ rows, stages, outcomes: samples[0]?.outcomes }));
} finally {
  await stopServices(home);
  rmSync(home, { recursive: true, force: true });
}
