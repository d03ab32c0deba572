import { setTimeout as pause } from 'node:timers/promises';
import { Redis } from 'ioredis';
import pg from 'pg';
import { afterAll, onTestFinished, test } from 'vitest';
import { type FaultCluster, type FaultWorker, startCluster } from '../support/fault-cluster.ts';
import { startFaultProxy } from '../support/fault-proxy.ts';
import { canStartRedis, startPrivateRedis } from '../support/private-redis.ts';

/*
 * How long recovery takes, with the product's own times: `npm run test:recovery`. For docs/failure-modes.md.
 *
 * Two workers with a fake engine (16 rows per chunk, 3 ms per row), so that what is measured is waiting, not work.
 */
const suite = test.skipIf(!canStartRedis);
const ROW_MS = 3;
const measured: string[] = [];
afterAll(() => {
  process.stdout.write(`\n${measured.join('\n')}\n`);
});

interface Scene {
  readonly cluster: FaultCluster;
  readonly run: string;
  readonly workers: readonly FaultWorker[];
  readonly proxies: { readonly postgres: Proxy; readonly redis: Proxy };
}
type Proxy = Awaited<ReturnType<typeof startFaultProxy>>;

async function underWay(rowCount: number, orders: Record<number, string> = {}, workerCount = 2): Promise<Scene> {
  const cluster = await startCluster(['--maxmemory-policy', 'noeviction']);
  const rows = await cluster.rows(rowCount, orders);
  const run = await cluster.enqueue(rows.file);
  const proxies = {
    postgres: await startFaultProxy(cluster.postgres.port),
    redis: await startFaultProxy(cluster.redis.port),
  };
  onTestFinished(async () => {
    await proxies.postgres.close();
    await proxies.redis.close();
  });
  const databaseUrl = new URL(cluster.postgres.url);
  databaseUrl.port = String(proxies.postgres.port);
  const urls = { databaseUrl: databaseUrl.href, redisUrl: `redis://127.0.0.1:${proxies.redis.port}` };
  const workers: FaultWorker[] = [];
  for (let n = 0; n < workerCount; n += 1) workers.push(await cluster.worker({ rowMs: ROW_MS, ...urls }));
  await cluster.until('work', async () => {
    const { least } = await cluster.counts(
      `SELECT count(DISTINCT worker) AS least FROM chunks WHERE run_id = $1 AND state = 'active'`,
      [run],
    );
    return least === workerCount;
  });
  return { cluster, run, workers, proxies };
}

/** Chunks in work, of one worker or of all. */
async function inWork({ cluster, run }: Scene, worker?: FaultWorker): Promise<number[]> {
  const rows = await cluster.database.query<{ chunkNo: number }>(
    `SELECT chunk_no AS "chunkNo" FROM chunks WHERE run_id = $1 AND state = 'active' AND worker LIKE $2`,
    [run, worker === undefined ? '%' : `fault/${worker.pid}`],
  );
  return rows.map(({ chunkNo }) => chunkNo);
}

/** Seconds from now (when all is mended) until the next chunk was done, and until these were. */
async function measure(scene: Scene, name: string, lost: readonly number[]): Promise<void> {
  const { cluster, run } = scene;
  const [mended] = await cluster.database.query<{ at: Date }>('SELECT clock_timestamp() AS at');
  await cluster.untilDone(run);
  const seconds = await cluster.counts(
    `SELECT extract(epoch FROM min(done_at) FILTER (WHERE done_at > $2) - $2)::float8 AS next,
       extract(epoch FROM max(done_at) FILTER (WHERE chunk_no = ANY ($3)) - $2)::float8 AS lost,
       extract(epoch FROM max(done_at) - $2)::float8 AS "end" FROM chunks WHERE run_id = $1`,
    [run, mended?.at, lost],
  );
  const tell = (value: number | undefined) => (value == null ? '-' : value.toFixed(1));
  measured.push(
    `${name}: next chunk ${tell(seconds.next)} s, chunks that were in work (${lost.length}) ${tell(seconds.lost)} s, ` +
      `end of the run ${tell(seconds.end)} s`,
  );
  process.stdout.write(`${measured.at(-1)}\n`);
}

suite('1: a worker is killed', async () => {
  const scene = await underWay(8_000);
  const [victim] = scene.workers;
  const lost = await inWork(scene, victim);
  await victim?.kill();
  await measure(scene, 'one of two workers killed', lost);
});

suite('5: Redis is killed, and starts again empty', async () => {
  const scene = await underWay(4_000);
  const lost = await inWork(scene);
  await scene.cluster.redis.kill();
  await pause(5_000);
  await scene.cluster.redis.restart();
  await measure(scene, 'Redis killed, away for 5 s', lost);
});

suite('5: FLUSHALL', async () => {
  const scene = await underWay(4_000);
  const admin = new Redis(scene.cluster.redis.url);
  onTestFinished(() => admin.disconnect());
  const lost = await inWork(scene);
  await admin.flushall();
  await pause(1_000);
  await measure(scene, 'FLUSHALL (from 1 s after)', lost);
});

suite('5: Redis is full for 10 s', async () => {
  const scene = await underWay(4_000);
  const admin = new Redis(scene.cluster.redis.url);
  onTestFinished(() => admin.disconnect());
  const lost = await inWork(scene);
  await admin.config('SET', 'maxmemory', '1');
  await pause(10_000);
  await admin.config('SET', 'maxmemory', '0');
  await measure(scene, 'Redis full for 10 s', lost);
});

suite('5: Redis fails over to an empty replica', async () => {
  const scene = await underWay(4_000);
  const replica = await startPrivateRedis();
  const admin = new Redis(replica.url);
  onTestFinished(async () => {
    admin.disconnect();
    await replica.remove();
  });
  await admin.replicaof('127.0.0.1', 1);
  const lost = await inWork(scene);
  scene.proxies.redis.retarget(replica.port);
  await scene.cluster.redis.kill();
  await pause(5_000);
  await admin.replicaof('NO', 'ONE');
  await measure(scene, 'failover to an empty replica, 5 s read-only', lost);
});

suite.each([5, 30])('6: Postgres is away for %d s', async (seconds) => {
  const scene = await underWay(4_000);
  const lost = await inWork(scene);
  await scene.cluster.postgres.stop();
  await pause(seconds * 1_000);
  await scene.cluster.postgres.start();
  await measure(scene, `Postgres stopped at once, away for ${seconds} s`, lost);
});

suite('6: Postgres has no connection left for 10 s', async () => {
  const scene = await underWay(4_000);
  const lost = await inWork(scene);
  const others: pg.Client[] = [];
  for (const until = performance.now() + 10_000; performance.now() < until; ) {
    const client = new pg.Client({ connectionString: scene.cluster.postgres.url });
    client.on('error', () => {});
    const connected = await client.connect().then(
      () => true,
      () => false,
    );
    if (connected) others.push(client);
    else {
      const terminate = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name LIKE 'fault/%'";
      await others[0]?.query(terminate);
      await pause(100);
    }
  }
  await Promise.all(others.map((each) => each.end()));
  await measure(scene, 'Postgres without a connection for 10 s', lost);
});

suite('7: a worker sleeps past its lock', async () => {
  const scene = await underWay(8_000);
  const [victim] = scene.workers;
  const lost = await inWork(scene, victim);
  victim?.child.kill('SIGSTOP');
  await measure(scene, 'one of two workers stopped (SIGSTOP)', lost);
});

suite('9: a worker is stopped by SIGTERM', async () => {
  const scene = await underWay(4_000);
  const [victim] = scene.workers;
  const lost = await inWork(scene, victim);
  victim?.child.kill('SIGTERM');
  await measure(scene, 'one of two workers stopped (SIGTERM)', lost);
});

suite.each(['postgres', 'redis'] as const)('10: the network to %s is cut for 5 s', async (service) => {
  const scene = await underWay(4_000);
  const lost = await inWork(scene);
  scene.proxies[service].cut();
  await pause(5_000);
  scene.proxies[service].mend();
  await measure(scene, `network to ${service} cut for 5 s`, lost);
});

suite.each(['postgres', 'redis'] as const)('10: connections to %s fall silent', async (service) => {
  const scene = await underWay(4_000);
  const lost = await inWork(scene);
  scene.proxies[service].halfOpen();
  await measure(scene, `connections to ${service} silent`, lost);
});

suite('11: an engine process is killed', async () => {
  const scene = await underWay(2_000, { 900: '!die' }, 1);
  await measure(scene, 'a row that kills its engine', [Math.floor(900 / 16)]);
});

suite('12: a row kills its worker', async () => {
  const cluster = await startCluster();
  const rows = await cluster.rows(64, { 20: '!kill-worker' });
  const run = await cluster.enqueue(rows.file);
  let over = false;
  let deaths = 0;
  const [begun] = await cluster.database.query<{ at: Date }>('SELECT clock_timestamp() AS at');
  const manager = (async () => {
    while (!over) {
      const worker = await cluster.worker();
      await worker.ended;
      deaths += 1;
    }
  })();
  await cluster.untilDone(run);
  over = true;
  manager.catch(() => {});
  const { end } = await cluster.counts(
    'SELECT extract(epoch FROM max(done_at) - $2)::float8 AS "end" FROM chunks WHERE run_id = $1',
    [run, begun?.at],
  );
  measured.push(`a row that kills its worker: end of the run ${end?.toFixed(1)} s, ${deaths} deaths`);
  process.stdout.write(`${measured.at(-1)}\n`);
});
