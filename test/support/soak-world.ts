import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import { onTestFinished } from 'vitest';
import { ServiceError } from '../../src/contract/errors.ts';
import type { Database } from '../../src/store/database.ts';
import { createPool } from '../../src/store/pool.ts';
import { type FaultCluster, type FaultWorker, startCluster } from './fault-cluster.ts';
import { type FaultProxy, startFaultProxy } from './fault-proxy.ts';
import { noOlderVersion, type OlderVersion, unpackOlderVersion } from './older-version.ts';
import type { PrivateRedis } from './private-redis.ts';
import type { Random } from './random.ts';
import { createSoakFeeder, lastLines, SERVICE_IS_AWAY, type SoakFeeder } from './soak-feeder.ts';

const WORKERS = 3;

/** Does its worst, and leaves everything mended. False: there was nothing to do it to. */
export type SoakFault = (world: SoakWorld, random: Random) => Promise<boolean | undefined>;

/** What the faults of a soak happen to: services behind proxies, workers that are started again, runs one after another. */
export interface SoakWorld {
  readonly cluster: FaultCluster;
  /** Each with its way through a proxy. */
  readonly postgresProxy: FaultProxy;
  readonly redisProxy: FaultProxy;
  /** Variables for commands: the services through their proxies. */
  readonly env: Record<string, string>;
  /** The test's own connections, around the proxy. */
  readonly database: Database;
  readonly feeder: Pick<SoakFeeder, 'runs' | 'counts'>;
  redis(): PrivateRedis;
  /** Commands go to this one from now on; the one before is gone. */
  replaceRedis(next: PrivateRedis): Promise<void>;
  /** One of those that are ready; undefined when none is. */
  worker(random: Random): FaultWorker | undefined;
  /** One of an older version, which is not among the others; null where its sources or the services are away. */
  olderWorker(): Promise<FaultWorker | null>;
  /** One more, while `work` goes on. */
  withOneMore(work: () => Promise<void>): Promise<void>;
  /** Does something with a service, again and again while that is away. */
  patiently<T>(work: () => Promise<T>): Promise<T>;
  note(line: string): void;
  /** Notes what must not happen. */
  blame(what: string): void;
  /** Notes text of a deleted run that is still somewhere. */
  leftover(where: string): void;
  /** A worker that may end by itself, for what is done to it. */
  excuse(worker: FaultWorker): void;
  /** No new runs; waits for those that are there. */
  finish(): Promise<void>;
  /** What must not have happened, and the last things that happened. */
  report(): {
    readonly blamed: readonly string[];
    readonly leftovers: readonly string[];
    readonly log: readonly string[];
  };
}

export async function startSoakWorld(random: Random): Promise<SoakWorld> {
  const cluster = await startCluster(['--maxmemory-policy', 'noeviction']);
  let redis = cluster.redis;
  const postgresProxy = await startFaultProxy(cluster.postgres.port);
  const redisProxy = await startFaultProxy(redis.port);
  const databaseUrl = new URL(cluster.postgres.url);
  databaseUrl.port = String(postgresProxy.port);
  const redisUrl = `redis://127.0.0.1:${redisProxy.port}`;
  const env = { DATABASE_URL: databaseUrl.href, REDIS_URL: redisUrl };
  const database = createPool(cluster.postgres.url, { max: 4, applicationName: 'soak', answerTimeoutMs: 10_000 });

  // For rows that ask for it, and for a pooler that knows no password.
  await database.query("ALTER TABLE detoxq.results ADD CONSTRAINT soak_refuses CHECK (text NOT LIKE '%!refused%')");
  await writeFile(join(cluster.folder, 'postgres', 'pg_hba.conf'), 'host all all 127.0.0.1/32 trust\n');
  await database.query('SELECT pg_reload_conf()');

  const startedMs = performance.now();
  const log: string[] = [];
  const blamed: string[] = [];
  const leftovers: string[] = [];
  const excused = new Set<FaultWorker>();
  const ready = new Set<FaultWorker>();
  let over = false;

  const note = (line: string): void => {
    const told = `${((performance.now() - startedMs) / 1000).toFixed(1)} s  ${line}`;
    log.push(told);
    process.stderr.write(`${told}\n`);
  };

  const workerOptions = {
    databaseUrl: databaseUrl.href,
    redisUrl,
    rowMs: 2,
    hangAfterMs: 3_000,
    answerTimeoutMs: 4_000,
    drainMs: 1_000,
    maxRssBytes: 250 * 2 ** 20,
  };
  let older: OlderVersion | undefined;

  /** A service manager: keeps one worker running. */
  const keepWorker = async (wanted: () => boolean): Promise<void> => {
    while (!over && wanted()) {
      try {
        const worker = await cluster.worker(workerOptions);
        ready.add(worker);
        note(`worker ${worker.pid} is ready`);
        const end = await worker.ended;
        ready.delete(worker);
        note(`worker ${worker.pid} ended: ${end.signal ?? end.code}`);
        if (end.signal === null && end.code !== 0 && !excused.has(worker))
          blamed.push(`a worker ended by itself: ${lastLines(end.stderr)}`);
      } catch (error) {
        // A worker that cannot reach its services when it starts says so and ends.
        const message = error instanceof Error ? error.message : String(error);
        if (!SERVICE_IS_AWAY.test(message) && !over) blamed.push(`a worker did not start: ${lastLines(message)}`);
        await pause(500);
      }
    }
  };

  const patiently = async <T>(work: () => Promise<T>): Promise<T> => {
    for (;;) {
      try {
        return await work();
      } catch (error) {
        if (!(error instanceof ServiceError)) throw error;
        await pause(200);
      }
    }
  };

  const fleet = Array.from({ length: WORKERS }, () => keepWorker(() => true));
  const feeder = createSoakFeeder({
    cluster,
    env,
    database,
    random: random.fork(),
    patiently,
    note,
    blame: (what) => blamed.push(what),
  });
  onTestFinished(async () => {
    over = true;
    feeder.stop();
    await Promise.all([...ready].map((worker) => worker.kill()));
    await postgresProxy.close();
    await redisProxy.close();
    await database.close();
    if (redis !== cluster.redis) await redis.remove();
  });

  return {
    cluster,
    postgresProxy,
    redisProxy,
    env,
    database,
    feeder,
    redis: () => redis,
    async replaceRedis(next) {
      const before = redis;
      redis = next;
      redisProxy.retarget(next.port);
      if (before === cluster.redis) await before.kill();
      else await before.remove();
    },
    worker: (chance) => {
      const running = [...ready].filter(({ child }) => child.exitCode === null && child.signalCode === null);
      return running.length === 0 ? undefined : chance.pick(running);
    },
    async olderWorker() {
      if (noOlderVersion !== null) return null;
      older ??= unpackOlderVersion(cluster.folder);
      return cluster.worker(workerOptions, older.worker).catch(() => null);
    },
    async withOneMore(work) {
      let wanted = true;
      const extra = keepWorker(() => wanted);
      const before = new Set(ready);
      await work();
      wanted = false;
      for (const worker of ready) if (!before.has(worker)) worker.child.kill('SIGTERM');
      fleet.push(extra);
    },
    patiently,
    note,
    blame: (what) => blamed.push(what),
    leftover: (where) => leftovers.push(where),
    excuse: (worker) => excused.add(worker),
    async finish() {
      await feeder.finish();
      over = true;
      for (const worker of ready) worker.child.kill('SIGTERM');
      await Promise.all(fleet);
    },
    report: () => ({ blamed, leftovers, log }),
  };
}
