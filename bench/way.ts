/**
 * The whole way of rows without inference: ledger, queue, claim, an engine process that answers at once, results. How
 * many rows a second queue and store carry on this machine, and what a row costs each of them in CPU time.
 *
 *   npm run bench -- way POSTGRES_URL REDIS_URL [--rows 200000] [--processes 1]
 *
 * Rows of about 120 characters, a fifth of them rewritten. Makes a database and a queue of its own and removes them.
 */
import { randomBytes } from 'node:crypto';
import { readdirSync, readFileSync } from 'node:fs';
import { parseArgs } from 'node:util';
import type { Log } from '../src/contract/log.ts';
import type { SourceRow } from '../src/contract/row.ts';
import type { Dataset } from '../src/producer/dataset.ts';
import { produce } from '../src/producer/produce.ts';
import { createRedisQueue } from '../src/queue/redis-queue.ts';
import { appendChunks } from '../src/store/chunks.ts';
import { migrate } from '../src/store/migrate.ts';
import { createPool } from '../src/store/pool.ts';
import { createRun, finishEnqueue, getRun } from '../src/store/runs.ts';
import { verifyRun } from '../src/store/verify.ts';
import { createEngines } from '../src/worker/engines.ts';
import { startWorker } from '../src/worker/worker.ts';

const WORDS = 'the a you they never always comment people think stupid really because money time idiot good'.split(' ');
const ROWS_PER_BATCH = 1024;
/** Clock ticks of /proc/PID/stat are hundredths of a second on every Linux. */
const TICK_MS = 10;
const silent: Log = { debug() {}, info() {}, warn() {}, error() {} };

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: { rows: { type: 'string', default: '200000' }, processes: { type: 'string', default: '1' } },
});
const [postgresUrl, redisUrl] = positionals;
if (postgresUrl === undefined || redisUrl === undefined) throw new Error('give the addresses of Postgres and Redis');
const rows = Number(values.rows);
const processes = Number(values.processes);

function rowOf(rowNo: number): SourceRow {
  const words = Array.from({ length: 20 }, (_, at) => WORDS[(rowNo * 7 + at * at * 13 + (rowNo >> at)) % WORDS.length]);
  return { rowNo, rowKey: null, text: `${words.join(' ')}${rowNo % 5 === 0 ? ' toxic' : ''} ${rowNo}.`, meta: null };
}

const dataset: Dataset = {
  ...{ columns: ['text'], textColumn: 'text', idColumn: null },
  source: { files: [], options: {} },
  bytesTotal: null,
  bytesRead: () => 0,
  async *batches() {
    for (let first = 0; first < rows; first += ROWS_PER_BATCH) {
      yield Array.from({ length: Math.min(ROWS_PER_BATCH, rows - first) }, (_, at) => rowOf(first + at));
    }
  },
  close() {},
};

interface ProcessStat {
  readonly parent: number;
  readonly cpuMs: number;
}

/** Of a process on this machine; null when it has ended. */
function statOf(pid: number | string): ProcessStat | null {
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, 'latin1');
    const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
    return { parent: Number(fields[1]), cpuMs: (Number(fields[11]) + Number(fields[12])) * TICK_MS };
  } catch {
    return null;
  }
}

function childrenCpuMs(parent: number): number {
  const stats = readdirSync('/proc').map((name) => (/^\d+$/.test(name) ? statOf(name) : null));
  return stats.reduce((sum, stat) => sum + (stat?.parent === parent ? stat.cpuMs : 0), 0);
}

function ownCpuMs(): number {
  const { user, system } = process.cpuUsage();
  return (user + system) / 1000;
}

const model = { name: 'fake', architecture: 'Fake', digest: '0'.repeat(64), precision: 'int8' } as const;
const settings = {
  ...{ detoxifier: model, scorer: model, threshold: 0.5 },
  generation: { max_new_tokens: 64 },
  similarity: 'chrf',
} as const;
const checkpoint = { name: 'fake', folder: '/' };
const name = `detoxq_bench_${randomBytes(4).toString('hex')}`;
const server = createPool(postgresUrl, { max: 1, applicationName: 'detoxq-bench' });
await server.query(`CREATE DATABASE ${name} TEMPLATE template0`);
try {
  const own = new URL(postgresUrl);
  own.pathname = `/${name}`;
  const database = createPool(own.href, { max: 8, applicationName: 'detoxq-bench' });
  await migrate(database);
  const queue = await createRedisQueue({ url: redisUrl, name, log: silent });
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
        entry: new URL('../test/support/fake-engine.ts', import.meta.url),
      }),
  });
  await worker.prepare(settings);
  const run = await createRun(database, { name: null, source: dataset.source, settings });
  const [backend] = await database.query<{ pid: number }>('SELECT pg_backend_pid() AS pid');
  const postmaster = statOf(backend?.pid ?? 0)?.parent ?? 0;
  const clocks = {
    'reading, queue, worker': ownCpuMs,
    engines: () => childrenCpuMs(process.pid),
    Postgres: () => childrenCpuMs(postmaster),
  };
  // What it takes to make the rows up is no part of the way.
  const madeFromMs = ownCpuMs();
  for await (const _ of dataset.batches());
  const makingMs = ownCpuMs() - madeFromMs;
  const before = Object.values(clocks).map((clock) => clock());
  const startMs = performance.now();
  await produce({
    ...{ dataset, runId: run.id, queue },
    ledger: {
      appendChunks: (chunks) => appendChunks(database, run.id, chunks),
      finishEnqueue: (totals) => finishEnqueue(database, run.id, totals),
    },
  });
  const enqueuedMs = performance.now() - startMs;
  while ((await getRun(database, run.id)).state !== 'done') await new Promise((resolve) => setTimeout(resolve, 50));
  const wallMs = performance.now() - startMs;
  const rate = (ms: number): string => `${Math.round((rows * 1000) / ms).toLocaleString('en')} rows/s`;
  console.log(
    `${rows.toLocaleString('en')} rows in ${(wallMs / 1000).toFixed(1)} s: ${rate(wallMs)}; read in ${rate(enqueuedMs)}`,
  );
  for (const [c, [part, clock]] of Object.entries(clocks).entries()) {
    const ms = clock() - (before[c] ?? 0) - (c === 0 ? makingMs : 0);
    console.log(`  ${part.padEnd(24)} ${((ms * 1000) / rows).toFixed(1).padStart(6)} µs of CPU time a row`);
  }
  console.log(`  at most ${Math.round(process.resourceUsage().maxRSS / 1024)} MB in this process`);
  if (!(await verifyRun(database, run.id)).holds) throw new Error('the run does not hold');
  await worker.drain(10_000);
  await queue.obliterate();
  await queue.close();
  await database.close();
} finally {
  await server.query(`DROP DATABASE ${name} WITH (FORCE)`);
  await server.close();
}
