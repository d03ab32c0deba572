/**
 * The whole way of rows without inference: ledger, queue, claim, an engine process that answers at once, results. How
 * many rows a second queue and store carry on this machine, and what a row costs each of them in CPU time.
 *
 *   npm run bench -- way POSTGRES_URL REDIS_URL [--rows 200000] [--processes 1]
 *
 * Rows of about 120 characters, a fifth of them rewritten, which are in memory before the clocks start. Makes a database and a
 * queue of its own and removes them. What else the two servers do meanwhile counts as well: give it servers of its own.
 */
import { mkdirSync, writeFileSync } from 'node:fs';
import { loadavg } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import type { SourceRow } from '../src/contract/row.ts';
import type { Dataset } from '../src/producer/dataset.ts';
import { produce } from '../src/producer/produce.ts';
import { createRedisQueue } from '../src/queue/redis-queue.ts';
import { appendChunks } from '../src/store/chunks.ts';
import type { Database } from '../src/store/database.ts';
import { createRun, finishEnqueue, getRun } from '../src/store/runs.ts';
import { verifyRun } from '../src/store/verify.ts';
import { createEngines } from '../src/worker/engines.ts';
import { startWorker } from '../src/worker/worker.ts';
import { RESULTS } from './peers/compare.ts';
import { readCommit, readMachine } from './peers/machine.ts';
import type { WayResult } from './report/results.ts';
import { childrenCpuMs, ownCpuMs, parentOf, redisCpuMs } from './setup/cpu-time.ts';
import { FAKE_SETTINGS } from './setup/fake-settings.ts';
import { textOf } from './setup/made-text.ts';
import { createScratchDatabase } from './setup/scratch-database.ts';
import { silent } from './setup/silent.ts';

const ROWS_PER_BATCH = 1024;
const POLL_MS = 50;
const LINE_END = '\n'.charCodeAt(0);

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: { rows: { type: 'string', default: '200000' }, processes: { type: 'string', default: '1' } },
});
const [postgresUrl, redisUrl] = positionals;
if (postgresUrl === undefined || redisUrl === undefined) throw new Error('give the addresses of Postgres and Redis');
const rows = Number(values.rows);
const processes = Number(values.processes);

// As a file in memory: so many strings would be work for the memory management that is measured.
const lines = Buffer.concat(
  Array.from({ length: Math.ceil(rows / ROWS_PER_BATCH) }, (_, batch) => {
    const rowNos = Array.from({ length: ROWS_PER_BATCH }, (_, at) => batch * ROWS_PER_BATCH + at);
    return Buffer.from(rowNos.map((rowNo) => `${textOf(rowNo)}\n`).join(''));
  }),
);
const dataset: Dataset = {
  ...{ columns: ['text'], textColumn: 'text', guessedFrom: null, idColumn: null },
  requireColumn: async (asked) => asked,
  source: { files: [], options: {} },
  bytesTotal: null,
  bytesRead: () => 0,
  async *read() {
    let from = 0;
    const nextRow = (rowNo: number): SourceRow => {
      const end = lines.indexOf(LINE_END, from);
      const text = lines.toString('latin1', from, end);
      from += text.length + 1;
      return { rowNo, rowKey: null, text, meta: null };
    };
    for (let first = 0; first < rows; first += ROWS_PER_BATCH) {
      yield Array.from({ length: Math.min(ROWS_PER_BATCH, rows - first) }, (_, at) => nextRow(first + at));
    }
  },
  close() {},
};

async function walBytes(database: Database): Promise<number> {
  const [at] = await database.query<{ bytes: number }>(
    "SELECT (pg_current_wal_insert_lsn() - '0/0')::double precision AS bytes",
  );
  return at?.bytes ?? Number.NaN;
}

const checkpoint = { name: 'none', folder: '/' };
const scratch = await createScratchDatabase(postgresUrl, 8);
const { database } = scratch;
try {
  const queue = await createRedisQueue({ url: redisUrl, name: scratch.name, log: silent });
  const worker = await startWorker({
    database,
    queue,
    processes,
    name: 'bench',
    log: silent,
    openEngines: () =>
      createEngines({
        engine: {
          ...{ scorer: checkpoint, detoxifier: checkpoint, precision: 'int8', threshold: 0.5 },
          ...{ generation: {}, prompt: '{text}', cacheFolder: '/' },
        },
        processes,
        log: silent,
        entry: new URL('./setup/instant-engine.ts', import.meta.url),
      }),
  });
  await worker.prepare(FAKE_SETTINGS);
  const run = await createRun(database, { name: null, source: dataset.source, settings: FAKE_SETTINGS });
  const [backend] = await database.query<{ pid: number }>('SELECT pg_backend_pid() AS pid');
  const postmaster = parentOf(backend?.pid ?? 0);
  const readClocks = async () => ({
    own: ownCpuMs(),
    engines: childrenCpuMs(process.pid),
    postgres: childrenCpuMs(postmaster),
    redis: await redisCpuMs(redisUrl),
    walBytes: await walBytes(database),
  });

  const loadBefore = loadavg()[0] ?? 0;
  const before = await readClocks();
  const startMs = performance.now();
  await produce({
    ...{ dataset, runId: run.id, queue },
    ledger: {
      appendChunks: (chunks) => appendChunks(database, run.id, chunks),
      finishEnqueue: (totals) => finishEnqueue(database, run.id, totals),
    },
  });
  const enqueuedMs = performance.now() - startMs;
  while ((await getRun(database, run.id)).state !== 'done')
    await new Promise((resolve) => setTimeout(resolve, POLL_MS));
  const wallMs = performance.now() - startMs;
  const after = await readClocks();

  const microsPerRow = (clock: Exclude<keyof typeof before, 'walBytes'>): number =>
    ((after[clock] - before[clock]) * 1000) / rows;
  const machine = readMachine();
  const result: WayResult = {
    ...{ name: 'way', title: 'The way of a row without inference', kind: 'way', machine },
    ...{ commit: readCommit(), takenAt: new Date().toISOString(), loadAverage: [loadBefore, loadavg()[0] ?? 0] },
    ...{ rows, processes, seconds: wallMs / 1000 },
    rowsPerSecond: (rows * 1000) / wallMs,
    rowsEnqueuedPerSecond: (rows * 1000) / enqueuedMs,
    cpuMicrosPerRow: {
      producerQueueWorker: microsPerRow('own'),
      engines: microsPerRow('engines'),
      postgres: microsPerRow('postgres'),
      redis: microsPerRow('redis'),
    },
    walBytesPerRow: (after.walBytes - before.walBytes) / rows,
    peakMb: process.resourceUsage().maxRSS / 1024,
  };
  const perSecond = (rate: number): string => `${Math.round(rate).toLocaleString('en')} rows/s`;
  console.log(
    `${rows.toLocaleString('en')} rows in ${result.seconds.toFixed(1)} s: ${perSecond(result.rowsPerSecond)}; ` +
      `enqueued at ${perSecond(result.rowsEnqueuedPerSecond)}`,
  );
  for (const [part, micros] of Object.entries(result.cpuMicrosPerRow)) {
    console.log(`  ${part.padEnd(24)} ${micros.toFixed(1).padStart(6)} µs of CPU time per row`);
  }
  console.log(`  ${'log of Postgres'.padEnd(24)} ${result.walBytesPerRow.toFixed(0).padStart(6)} bytes per row`);
  console.log(`  at most ${Math.round(result.peakMb)} MB in this process`);
  if (!(await verifyRun(database, run.id)).holds) throw new Error('the run does not hold');
  mkdirSync(RESULTS, { recursive: true });
  writeFileSync(join(RESULTS, `way.${machine.kind}.json`), `${JSON.stringify(result, null, 2)}\n`);
  await worker.drain(10_000);
  await queue.obliterate();
  await queue.close();
} finally {
  await scratch.drop();
}
