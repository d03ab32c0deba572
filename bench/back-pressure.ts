/**
 * Memory while a producer is faster than the workers: one producer and two workers, each a process of its own as in
 * production, with an engine that does nothing, on a Redis of their own.
 *
 *   node bench/back-pressure.ts postgres://postgres@127.0.0.1:5432/postgres [rows] [out.json] [out.svg]
 *
 * Makes a database and a Redis and removes them. Prints one JSON object: peaks, and a sample a second.
 */
import { type ChildProcess, fork } from 'node:child_process';
import { once } from 'node:events';
import { readFileSync, writeFileSync } from 'node:fs';
import { Readable } from 'node:stream';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { Redis } from 'ioredis';
import { UsageError } from '../src/contract/errors.ts';
import { openDataset } from '../src/producer/dataset.ts';
import { produce } from '../src/producer/produce.ts';
import { createReconciler } from '../src/queue/reconciler.ts';
import { createRedisQueue } from '../src/queue/redis-queue.ts';
import { appendChunks } from '../src/store/chunks.ts';
import { createPool } from '../src/store/pool.ts';
import { readProgress } from '../src/store/progress.ts';
import { createRun, finishEnqueue } from '../src/store/runs.ts';
import { verifyRun } from '../src/store/verify.ts';
import { createEngines } from '../src/worker/engines.ts';
import { startWorker } from '../src/worker/worker.ts';
import { fakeEngineOptions } from '../test/support/fake-engine-options.ts';
import { startPrivateRedis } from '../test/support/private-redis.ts';
import { FAKE_SETTINGS } from './setup/fake-settings.ts';
import { createScratchDatabase } from './setup/scratch-database.ts';
import { silent } from './setup/silent.ts';

const MIB = 2 ** 20;
/** Chunks at which a producer pauses. */
const FULL_QUEUE = 1_000;

/** About 110 characters a row, one in four toxic. */
function rowsOf(count: number): Readable {
  const filler = 'the a you they never always comment people think really about because money time '.repeat(2);
  function* pieces() {
    yield Buffer.from('id,text\n');
    for (let rowNo = 0; rowNo < count; ) {
      let piece = '';
      for (; rowNo < count && piece.length < 65_536; rowNo++) {
        piece += `c${rowNo},"${filler.slice(rowNo % 60, (rowNo % 60) + 90)} ${rowNo % 4 === 0 ? 'toxic ' : ''}${rowNo}"\n`;
      }
      yield Buffer.from(piece);
    }
  }
  return Readable.from(pieces());
}

interface Place {
  readonly databaseUrl: string;
  readonly redisUrl: string;
  readonly runId: string;
  readonly rows: number;
}

async function beProducer({ databaseUrl, redisUrl, runId, rows }: Place): Promise<void> {
  const database = createPool(databaseUrl, { max: 4, applicationName: 'detoxq-bench' });
  const queue = await createRedisQueue({ url: redisUrl, name: 'bench', log: silent });
  await produce({
    dataset: await openDataset(['-'], { format: 'csv' }, rowsOf(rows)),
    runId,
    queue,
    ledger: {
      appendChunks: (chunks) => appendChunks(database, runId, chunks),
      finishEnqueue: (totals) => finishEnqueue(database, runId, totals),
    },
  });
  await queue.close();
  await database.close();
}

async function beWorker({ databaseUrl, redisUrl }: Place): Promise<void> {
  const database = createPool(databaseUrl, { max: 8, applicationName: 'detoxq-bench' });
  const queue = await createRedisQueue({ url: redisUrl, name: 'bench', log: silent });
  const openEngines = () => createEngines({ ...fakeEngineOptions(), processes: 1, log: silent });
  const name = `bench/${process.pid}`;
  const worker = await startWorker({ database, queue, openEngines, processes: 1, name, log: silent });
  const reconciler = createReconciler({ database, queue, log: silent });
  reconciler.start();
  await once(process, 'message');
  await reconciler.close();
  await worker.drain(10_000);
  await queue.close();
  await database.close();
  process.disconnect();
}

interface Sample {
  readonly seconds: number;
  readonly rowsDone: number;
  readonly redisMib: number;
  readonly producerMib: number;
  readonly workerMib: readonly number[];
}

/** Resident memory of a process; 0 when it has ended. */
function residentMib({ pid }: ChildProcess): number {
  try {
    return Number(/VmRSS:\s+(\d+)/.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))?.[1] ?? 0) / 1024;
  } catch {
    return 0;
  }
}

async function measure(postgresUrl: string, rows: number, jsonFile?: string, svgFile?: string): Promise<void> {
  const { url, database, drop } = await createScratchDatabase(postgresUrl, 2);
  const redisServer = await startPrivateRedis();
  const redis = new Redis(redisServer.url);
  try {
    const run = await createRun(database, { name: null, source: { files: [], options: {} }, settings: FAKE_SETTINGS });
    const place = JSON.stringify({ databaseUrl: url, redisUrl: redisServer.url, runId: run.id, rows });
    const start = (role: string) => fork(fileURLToPath(import.meta.url), [role, place]);
    const producer = start('producer');
    // The queue is full before anybody works: its worst hour.
    for (;;) {
      const { chunksQueued, rowsTotal } = await readProgress(database, run.id);
      if (chunksQueued >= FULL_QUEUE || rowsTotal !== null) break;
      await sleep(100);
    }
    const workers = [start('worker'), start('worker')];
    const startedMs = performance.now();
    const samples: Sample[] = [];
    for (;;) {
      const { state, rowsDone } = await readProgress(database, run.id);
      const used = Number(/used_memory:(\d+)/.exec(await redis.info('memory'))?.[1] ?? 0);
      samples.push({
        seconds: Math.round((performance.now() - startedMs) / 100) / 10,
        rowsDone,
        redisMib: Math.round(used / MIB),
        producerMib: Math.round(residentMib(producer)),
        workerMib: workers.map((worker) => Math.round(residentMib(worker))),
      });
      if (state === 'done') break;
      await sleep(1_000);
    }
    for (const worker of workers) {
      const exited = once(worker, 'exit');
      worker.send('end');
      await exited;
    }
    const { holds } = await verifyRun(database, run.id);
    const peak = (value: (sample: Sample) => number) => Math.max(...samples.map(value));
    const report = {
      rows,
      holds,
      seconds: samples.at(-1)?.seconds,
      peakMib: {
        redis: peak((sample) => sample.redisMib),
        producer: peak((sample) => sample.producerMib),
        worker: peak((sample) => Math.max(...sample.workerMib)),
      },
      samples,
    };
    if (jsonFile !== undefined) writeFileSync(jsonFile, `${JSON.stringify(report)}\n`);
    if (svgFile !== undefined) writeFileSync(svgFile, plot(samples, rows));
    console.log(JSON.stringify({ ...report, samples: samples.length }, null, 2));
  } finally {
    redis.disconnect();
    await redisServer.remove();
    await drop();
  }
}

/** Memory over time, in MiB, with the limits that hold. */
function plot(samples: readonly Sample[], rows: number): string {
  const [width, height, left, top] = [720, 320, 50, 40];
  const last = samples.at(-1)?.seconds ?? 1;
  const x = (seconds: number) => (left + (seconds / last) * (width - left - 20)).toFixed(1);
  const y = (mib: number) => (height - 40 - (mib / 450) * (height - top - 40)).toFixed(1);
  const lines = [
    { label: 'Redis', color: '#c0392b', value: (sample: Sample) => sample.redisMib },
    { label: 'producer', color: '#2471a3', value: (sample: Sample) => sample.producerMib },
    { label: 'worker 1', color: '#1e8449', value: (sample: Sample) => sample.workerMib[0] ?? 0 },
    { label: 'worker 2', color: '#7d6608', value: (sample: Sample) => sample.workerMib[1] ?? 0 },
  ];
  const drawn = lines.map(({ label, color, value }, index) => {
    const points = samples.map((sample) => `${x(sample.seconds)},${y(value(sample))}`).join(' ');
    return (
      `<polyline fill="none" stroke="${color}" stroke-width="1.5" points="${points}"/>` +
      `<text x="${left + index * 110}" y="${height - 8}" fill="${color}">${label}</text>`
    );
  });
  const grid = [100, 200, 300, 400].map(
    (mib) =>
      `<line x1="${left}" x2="${width - 20}" y1="${y(mib)}" y2="${y(mib)}" stroke="#ddd"/><text x="8" y="${y(mib)}">${mib}</text>`,
  );
  return (
    `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${width} ${height}" font-family="sans-serif" font-size="12">` +
    `<title>Resident memory of producer, workers and Redis while rows pass</title>` +
    `<rect width="100%" height="100%" fill="white"/><text x="8" y="20">MiB while ${rows.toLocaleString('en')} rows pass, ${Math.round(last)} s</text>` +
    `${grid.join('')}${drawn.join('')}</svg>\n`
  );
}

const [first, second, jsonFile, svgFile] = process.argv.slice(2);
if (first === 'producer' && second !== undefined) await beProducer(JSON.parse(second));
else if (first === 'worker' && second !== undefined) await beWorker(JSON.parse(second));
else if (first === undefined) throw new UsageError('give the address of Postgres');
else await measure(first, Number(second ?? 10_000_000), jsonFile, svgFile);
