/**
 * Memory of producer, Redis, worker and engine processes for rows with a large column beside a short text.
 *
 *   node bench/large-rows.ts postgres://postgres@127.0.0.1:5432/postgres redis://127.0.0.1:6379 [rows] [bytes]
 *
 * 256 rows of 1.9 MB by default. Runs `enqueue`, looks at Redis, then runs `worker` until the run is done. It makes a
 * database and a queue of its own and removes them; Redis should serve nothing else meanwhile. Figures: docs/decisions/store-large-rows.md.
 */
import { type ChildProcess, spawn } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { appendFileSync, mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { Redis } from 'ioredis';
import { createScratchDatabase } from './setup/scratch-database.ts';

const MAIN = fileURLToPath(new URL('../src/cli/main.ts', import.meta.url));
const MIB = 2 ** 20;

const [databaseUrl = '', redisUrl = '', rows = '256', bytes = '1900000'] = process.argv.slice(2);
if (redisUrl === '') throw new Error('usage: node bench/large-rows.ts DATABASE_URL REDIS_URL [rows] [bytes]');
const scratch = await createScratchDatabase(databaseUrl, 2);
const folder = mkdtempSync(join(tmpdir(), 'detoxq-bench-'));
const queue = `bench-${process.pid}`;
const redis = new Redis(redisUrl);
const env = {
  ...process.env,
  DATABASE_URL: scratch.url,
  REDIS_URL: redisUrl,
  DETOXQ_QUEUE: queue,
  DETOXQ_HOME: folder,
};

/** Peak of resident memory of a process and of the processes that it started, in MiB. */
function peaksOf(pid: number): { own: number; children: number } {
  const status = (id: string): Record<string, string> => {
    try {
      const lines = readFileSync(`/proc/${id}/status`, 'utf8').split('\n');
      return Object.fromEntries(lines.map((line) => line.split(':\t').map((part) => part.trim())));
    } catch {
      return {};
    }
  };
  const peak = (id: string) => Number.parseInt(status(id).VmHWM ?? '0', 10) / 1024;
  const children = readdirSync('/proc').filter((id) => /^\d+$/.test(id) && status(id).PPid === String(pid));
  return { own: peak(String(pid)), children: Math.max(0, ...children.map(peak)) };
}

async function watched(child: ChildProcess, isOver: () => Promise<boolean>): Promise<void> {
  let own = 0;
  let children = 0;
  let inRedis = 0;
  const startedAt = performance.now();
  while (child.exitCode === null && !(await isOver())) {
    const peaks = peaksOf(child.pid ?? 0);
    own = Math.max(own, peaks.own);
    children = Math.max(children, peaks.children);
    inRedis = Math.max(inRedis, Number(/used_memory:(\d+)/.exec(await redis.info('memory'))?.[1]));
    await pause(50);
  }
  const seconds = ((performance.now() - startedAt) / 1000).toFixed(1);
  const figures = [
    `own ${own.toFixed(0)} MiB`,
    `children ${children.toFixed(0)} MiB`,
    `Redis ${(inRedis / MIB).toFixed(0)} MiB`,
  ];
  console.log(`${child.spawnargs.slice(2, 3)}: ${seconds} s, peaks: ${figures.join(', ')}`);
}

try {
  const file = join(folder, 'rows.jsonl');
  for (let row = 0; row < Number(rows); row += 1) {
    const other = randomBytes(Number(bytes) / 2).toString('hex');
    appendFileSync(file, `${JSON.stringify({ id: row, text: `row ${row} is a short one, you idiot`, other })}\n`);
  }
  const producer = spawn(process.execPath, [MAIN, 'enqueue', file], { env, stdio: ['ignore', 'ignore', 'inherit'] });
  await watched(producer, async () => false);
  const worker = spawn(process.execPath, [MAIN, 'worker'], { env, stdio: ['ignore', 'ignore', 'inherit'] });
  await watched(worker, async () => {
    const [run] = await scratch.database.query<{ state: string }>('SELECT state FROM detoxq.runs');
    return run?.state === 'done';
  });
  worker.kill('SIGTERM');
  if (worker.exitCode === null) await once(worker, 'exit');
  const [counts] = await scratch.database.query<object>(
    'SELECT (SELECT count(*) FROM detoxq.results) AS results, (SELECT count(*) FROM detoxq.row_errors) AS row_errors, (SELECT count(*) FROM detoxq.chunks) AS chunks',
  );
  console.log(JSON.stringify(counts));
} finally {
  const keys = await redis.keys(`{detoxq}:${queue}:*`);
  if (keys.length > 0) await redis.del(keys);
  redis.disconnect();
  await scratch.drop();
  rmSync(folder, { recursive: true, force: true });
}
