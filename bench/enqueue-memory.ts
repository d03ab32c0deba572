/**
 * What reading and enqueueing a large dataset costs: rows a second and resident memory, which must not grow with it.
 *
 *   node bench/enqueue-memory.ts read csv|jsonl|txt [rows]
 *   node bench/enqueue-memory.ts enqueue postgres://postgres@127.0.0.1:5432/postgres redis://127.0.0.1:6379 [rows]
 *
 * `read` only reads a generated file (1 million rows). `enqueue` reads generated CSV (5 million rows) into a real ledger
 * and a real queue, with a second process that takes the jobs and throws them away; it makes a database and a queue of
 * its own and removes them. Processor time and memory are those of the reading process alone.
 * Figures: docs/decisions/producer-csv-reader.md.
 */
import { type ChildProcess, fork } from 'node:child_process';
import { once } from 'node:events';
import { createWriteStream, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { fileURLToPath } from 'node:url';
import { openDataset } from '../src/producer/dataset.ts';
import { produce } from '../src/producer/produce.ts';
import { createRedisQueue } from '../src/queue/redis-queue.ts';
import { appendChunks } from '../src/store/chunks.ts';
import { createRun, finishEnqueue } from '../src/store/runs.ts';
import { FAKE_SETTINGS } from './setup/fake-settings.ts';
import { createScratchDatabase } from './setup/scratch-database.ts';
import { silent } from './setup/silent.ts';

const WORDS =
  'the a you they never always comment people think stupid really about because money time idiot good'.split(' ');
const LINE: Record<'csv' | 'jsonl' | 'txt', (rowNo: number, text: string) => string> = {
  csv: (rowNo, text) => `c${rowNo},"${text}",forum\n`,
  jsonl: (rowNo, text) => `{"id":"c${rowNo}","text":"${text}","source":"forum"}\n`,
  txt: (_, text) => `${text}\n`,
};

/** About 110 characters. */
function textOf(rowNo: number): string {
  const words = Array.from({ length: 20 }, (_, at) => WORDS[(rowNo * 7 + at * at * 13) % WORDS.length]);
  return `${words.join(' ')}, ${rowNo % 1_000}.`;
}

/** A file of `rows` rows in pieces of 64 KiB or more, made once from 1,000 texts, so that the reader is what is measured. */
function generated(format: keyof typeof LINE, rows: number): Readable {
  const texts = Array.from({ length: 1_000 }, (_, index) => textOf(index));
  function* pieces() {
    if (format === 'csv') yield Buffer.from('id,text,source\n');
    for (let rowNo = 0; rowNo < rows; ) {
      let piece = '';
      for (; rowNo < rows && piece.length < 65_536; rowNo++) piece += LINE[format](rowNo, texts[rowNo % 1_000] ?? '');
      yield Buffer.from(piece);
    }
  }
  return Readable.from(pieces());
}

/** Prints rows per second, by the clock and by the processor time of this process, which other load does not change. */
function createReport() {
  const startedAt = performance.now();
  const before = process.cpuUsage();
  return (what: string, rows: number) => {
    const seconds = (performance.now() - startedAt) / 1_000;
    const { user, system } = process.cpuUsage(before);
    const cpuSeconds = (user + system) / 1e6;
    const rate = (time: number) => Math.round(rows / time).toLocaleString('en');
    console.log(
      `${what}: ${rows.toLocaleString('en')} rows in ${seconds.toFixed(1)} s (${rate(seconds)} rows/s), ` +
        `processor ${cpuSeconds.toFixed(1)} s (${rate(cpuSeconds)} rows/s), ` +
        `peak ${Math.round(process.resourceUsage().maxRSS / 1_024)} MiB resident`,
    );
  };
}

async function read(format: keyof typeof LINE, rows: number): Promise<void> {
  const folder = mkdtempSync(join(tmpdir(), 'detoxq-bench-'));
  try {
    const path = join(folder, `rows.${format}`);
    // By another process, whose garbage would count here.
    await once(fork(fileURLToPath(import.meta.url), ['generate', format, String(rows), path]), 'exit');
    const report = createReport();
    const dataset = await openDataset([path], {});
    let count = 0;
    for await (const batch of dataset.read()) count += batch.length;
    report(`read ${format}`, count);
  } finally {
    rmSync(folder, { recursive: true });
  }
}

async function enqueue(databaseUrl: string, redisUrl: string, rows: number): Promise<void> {
  const { name, database, drop } = await createScratchDatabase(databaseUrl, 4);
  const queue = await createRedisQueue({ url: redisUrl, name, log: silent });
  const drain = fork(fileURLToPath(import.meta.url), ['drain', redisUrl, name]);
  try {
    await once(drain, 'message');
    const dataset = await openDataset(['-'], { format: 'csv' }, generated('csv', rows));
    const run = await createRun(database, { name: null, source: dataset.source, settings: FAKE_SETTINGS });
    let pauses = 0;
    const residentMiB: number[] = [];
    const report = createReport();
    const produced = await produce({
      dataset,
      runId: run.id,
      ledger: {
        appendChunks: (chunks) => appendChunks(database, run.id, chunks),
        finishEnqueue: (totals) => finishEnqueue(database, run.id, totals),
      },
      queue,
      onProgress({ rows: done, waitingFor }) {
        if (waitingFor === 'workers') pauses += 1;
        if (done >= (residentMiB.length + 1) * 500_000)
          residentMiB.push(Math.round(process.memoryUsage.rss() / 2 ** 20));
      },
    });
    report('enqueue csv to ledger and queue', produced.rows);
    console.log(`resident after each half million rows: ${residentMiB.join(', ')} MiB`);
    console.log(`${produced.chunks.toLocaleString('en')} chunks, ${pauses} pauses of 0.25 s for a full queue`);
  } finally {
    await end(drain);
    await queue.obliterate();
    await queue.close();
    await drop();
  }
}

async function end(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null) return;
  const exited = once(child, 'exit');
  child.send('end');
  await exited;
}

/** The second process: takes jobs and throws them away. */
async function drain(redisUrl: string, name: string): Promise<void> {
  const queue = await createRedisQueue({ url: redisUrl, name, log: silent });
  const consumer = await queue.consume(async () => 'done', { concurrency: 8 });
  process.send?.('ready');
  await once(process, 'message');
  await consumer.close(5_000);
  await queue.close();
  process.disconnect();
}

const [mode, ...args] = process.argv.slice(2);
const [first, second, third] = args;
const format = first === 'csv' || first === 'jsonl' || first === 'txt' ? first : undefined;
if (mode === 'read' && format !== undefined) {
  await read(format, Number(second ?? 1_000_000));
} else if (mode === 'enqueue' && first !== undefined && second !== undefined) {
  await enqueue(first, second, Number(third ?? 5_000_000));
} else if (mode === 'generate' && format !== undefined && third !== undefined) {
  await pipeline(generated(format, Number(second)), createWriteStream(third));
} else if (mode === 'drain' && first !== undefined && second !== undefined) {
  await drain(first, second);
} else {
  console.error('node bench/enqueue-memory.ts read csv|jsonl|txt [rows] | enqueue DATABASE_URL REDIS_URL [rows]');
  process.exitCode = 2;
}
