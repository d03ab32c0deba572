import { once } from 'node:events';
import { chmod, mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { pino } from 'pino';
import { expect, onTestFinished } from 'vitest';
import type { ChunkQueue } from '../../src/queue/queue.ts';
import { createRedisQueue } from '../../src/queue/redis-queue.ts';
import { makeStateFolder, servicesFolder } from '../../src/services/folder.ts';
import { startPostgres } from '../../src/services/postgres-server.ts';
import type { Database } from '../../src/store/database.ts';
import { migrate } from '../../src/store/migrate.ts';
import { createPool } from '../../src/store/pool.ts';
import { verifyRun } from '../../src/store/verify.ts';
import { type CliProcess, type CliResult, runCli, startCli, startProgram } from './cli.ts';
import type { FaultWorkerOptions } from './fault-options.ts';
import { copyPostgres, PASSWORD } from './fault-postgres.ts';
import { expectUndisturbed, type FaultRows, writeRows } from './fault-rows.ts';
import { type PrivateRedis, startPrivateRedis } from './private-redis.ts';

/** `npm run test:fault` runs the cases in full, with the product's own times; `npm test` in short. */
export const FULL = process.env.DETOXQ_FAULT_FORM === 'full';

/** The first in a full form, the second in a short one. */
export function inForm<T>(full: T, short: T): T {
  return FULL ? full : short;
}

/**
 * Times of a worker under test: the product's own in the full form. In the short one only those are short that most
 * tests wait for. A test that waits for a hung engine or a silent Postgres says so: on a busy machine, an engine that
 * works and a statement that is being answered look like them when their times are short.
 */
const TIMES = {
  lockMs: inForm(30_000, 3_000),
  checkMs: inForm(10_000, 500),
  reconcileMs: inForm(10_000, 600),
  hangAfterMs: inForm(120_000, 30_000),
  answerTimeoutMs: inForm(60_000, 30_000),
  drainMs: inForm(25_000, 5_000),
};

const QUEUE = 'fault';
const PRODUCER = fileURLToPath(new URL('./fault-producer.ts', import.meta.url));
const WORKER = fileURLToPath(new URL('./fault-worker.ts', import.meta.url));

export interface FaultPostgres {
  readonly url: string;
  readonly port: number;
  /** Immediate mode: no process of it says goodbye. */
  stop(): Promise<void>;
  start(): Promise<void>;
}

export interface FaultWorker extends CliProcess {
  readonly pid: number;
  /** A line on its standard input (see fault-worker.ts). */
  order(line: string): Promise<void>;
  kill(signal?: NodeJS.Signals): Promise<void>;
}

export interface FaultCluster {
  readonly folder: string;
  readonly postgres: FaultPostgres;
  readonly redis: PrivateRedis;
  readonly database: Database;
  /** For commands of detoxq. */
  readonly env: Record<string, string>;
  rows(count: number, orders?: Readonly<Record<number, string>>): Promise<FaultRows>;
  /** `detoxq enqueue`, to its end; the run's id. */
  enqueue(file: string, options?: { chunkRows?: number }): Promise<string>;
  cli(args: readonly string[], env?: Record<string, string>): Promise<CliResult>;
  startCli(args: readonly string[], env?: Record<string, string>): CliProcess;
  /** Reads on the source of a run (see fault-producer.ts). */
  readOn(run: string, env?: Record<string, string>): CliProcess;
  /** A worker process that may not become ready; of another version, where `program` is the fault-worker.ts of that one. */
  startWorker(options?: Partial<FaultWorkerOptions>, env?: Record<string, string>, program?: string): FaultWorker;
  /** A worker process, when it is ready; of another version, where `program` is the fault-worker.ts of that one. */
  worker(options?: Partial<FaultWorkerOptions>, program?: string): Promise<FaultWorker>;
  queue(): Promise<ChunkQueue>;
  /** Numbers of a query's only row. */
  counts(sql: string, values?: readonly unknown[]): Promise<Record<string, number>>;
  until(what: string, condition: () => Promise<boolean> | boolean): Promise<void>;
  untilDone(run: string): Promise<void>;
  /** `detoxq verify`, and every row compared. */
  expectWhole(run: string, rows: FaultRows, errors?: Readonly<Record<number, string>>): Promise<void>;
}

/** Postgres and Redis of one test, on free ports, with the current schema. Everything ends with the test. */
export async function startCluster(redisOptions: readonly string[] = []): Promise<FaultCluster> {
  const folder = await mkdtemp(join(tmpdir(), 'fault-'));
  // The user that Postgres runs as, when the tests are root's, must get through.
  await chmod(folder, 0o711);
  const [postgres, redis] = await Promise.all([startFaultPostgres(folder), startPrivateRedis(redisOptions)]);
  const database = createPool(postgres.url, { max: 4, applicationName: 'fault-test' });
  const workers: FaultWorker[] = [];
  const queues: ChunkQueue[] = [];
  onTestFinished(async () => {
    await Promise.all(workers.map((worker) => worker.kill()));
    await Promise.all(queues.map((queue) => queue.close()));
    await database.close();
    await redis.remove();
    await postgres.stop();
    await rm(folder, { recursive: true, force: true });
  });
  await migrate(database);

  const env = {
    DATABASE_URL: postgres.url,
    REDIS_URL: redis.url,
    DETOXQ_QUEUE: QUEUE,
    DETOXQ_HOME: join(folder, 'home'),
  };
  let files = 0;
  const cluster: FaultCluster = {
    folder,
    postgres,
    redis,
    database,
    env,
    rows: (count, orders) => writeRows(join(folder, `rows-${files++}.csv`), count, orders),
    async enqueue(file, { chunkRows = 16 } = {}) {
      const { code, stdout, stderr } = await cluster.cli(['enqueue', file, '--chunk-rows', String(chunkRows)]);
      expect(code, stderr).toBe(0);
      return stdout.trim();
    },
    cli: (args, extra = {}) => runCli(args, { ...env, ...extra }),
    startCli: (args, extra = {}) => startCli(args, { ...env, ...extra }),
    readOn: (run, extra = {}) => startProgram(PRODUCER, [run], { ...env, ...extra }),
    startWorker(options = {}, extra = {}, program = WORKER) {
      const all: FaultWorkerOptions = {
        databaseUrl: postgres.url,
        redisUrl: redis.url,
        queue: QUEUE,
        ...TIMES,
        processes: 1,
        rowMs: 0,
        maxRssBytes: 3 * 2 ** 30,
        clockMs: 0,
        ...options,
      };
      const worker = faultWorker(startProgram(program, [JSON.stringify(all)], extra));
      workers.push(worker);
      return worker;
    },
    async worker(options = {}, program = WORKER) {
      const worker = cluster.startWorker(options, {}, program);
      await worker.stderrMatches(/worker is ready/);
      return worker;
    },
    async queue() {
      const queue = await createRedisQueue({ url: redis.url, name: QUEUE, log: pino({ level: 'silent' }) });
      queues.push(queue);
      return queue;
    },
    async counts(sql, values) {
      const [row] = await database.query<Record<string, number>>(sql, values);
      return row ?? {};
    },
    async until(what, condition) {
      const startedMs = performance.now();
      while (!(await condition())) {
        if (performance.now() - startedMs > inForm(850_000, 240_000)) throw new Error(`${what} did not come about`);
        await pause(20);
      }
    },
    untilDone: (run) =>
      cluster.until(`the end of run ${run}`, async () => {
        const [row] = await database.query<{ state: string }>('SELECT state FROM runs WHERE id = $1', [run]);
        return row?.state === 'done';
      }),
    async expectWhole(run, rows, errors = {}) {
      if (FULL) {
        const verify = await cluster.cli(['verify', run]);
        expect(verify.code, verify.stdout + verify.stderr).toBe(0);
      } else {
        expect(await verifyRun(database, run)).toMatchObject({ findings: [], holds: true });
      }
      await expectUndisturbed(database, run, rows.rows, errors);
    },
  };
  return cluster;
}

function faultWorker(started: CliProcess): FaultWorker {
  const { child } = started;
  let orders = 0;
  return {
    ...started,
    pid: child.pid ?? 0,
    async order(line) {
      orders += 1;
      child.stdin?.write(`${line}\n`);
      await started.stderrMatches(new RegExp(`(obeyed[^]*){${orders}}`));
    },
    async kill(signal = 'SIGKILL') {
      if (child.exitCode !== null || child.signalCode !== null) return;
      const exited = once(child, 'exit');
      child.kill(signal);
      await exited;
    },
  };
}

async function startFaultPostgres(home: string): Promise<FaultPostgres> {
  const folder = servicesFolder(home);
  makeStateFolder(folder);
  copyPostgres(folder);
  const start = () => startPostgres(folder, PASSWORD);
  let server = await start();
  const { url } = server;
  return {
    url,
    port: Number(new URL(url).port),
    async stop() {
      process.kill(server.pid, 'SIGQUIT');
      await server.ended;
    },
    async start() {
      server = await start();
      if (server.url !== url) throw new Error('the port of Postgres was taken meanwhile');
    },
  };
}
