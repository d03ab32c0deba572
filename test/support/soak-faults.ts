import { setTimeout as pause } from 'node:timers/promises';
import { Queue } from 'bullmq';
import { Redis } from 'ioredis';
import pg from 'pg';
import { jobOf } from '../../src/queue/queue.ts';
import { openChunks, readChunks } from '../../src/store/chunks.ts';
import { startPrivateRedis } from './private-redis.ts';
import type { Random } from './random.ts';
import { CONTENT_FAULTS } from './soak-contents.ts';
import { ENDING_FAULTS } from './soak-endings.ts';
import { failedForServices, lastLines } from './soak-feeder.ts';
import { MEMORY_FAULTS } from './soak-memory.ts';
import { POSTGRES_FAULTS } from './soak-postgres.ts';
import { childrenOf, signal } from './soak-processes.ts';
import type { SoakFault, SoakWorld } from './soak-world.ts';

/** What is done to processes: beside what is done to services. */
export const PROCESS_FAULTS: Readonly<Record<string, SoakFault>> = {
  'worker killed by SIGKILL': async (world, random) => {
    const worker = world.worker(random);
    if (worker === undefined) return false;
    await worker.kill();
  },
  'all workers killed at once': async (world, random) => {
    const victims = new Set(Array.from({ length: 8 }, () => world.worker(random)));
    await Promise.all([...victims].map((worker) => worker?.kill()));
  },
  'worker stopped by SIGTERM': async (world, random) => {
    const worker = world.worker(random);
    if (worker === undefined) return false;
    worker.child.kill('SIGTERM');
    const ended = await Promise.race([worker.ended.then(() => true), pause(30_000, false)]);
    if (!ended) {
      world.blame(`worker ${worker.pid} did not end after SIGTERM`);
      await worker.kill();
    }
  },
  'worker asleep (SIGSTOP, SIGCONT), perhaps past its lock': async (world, random) => {
    const worker = world.worker(random);
    if (worker === undefined) return false;
    worker.child.kill('SIGSTOP');
    await pause(random.integer(200, 7_000));
    worker.child.kill('SIGCONT');
  },
  'event loop of a worker blocked': async (world, random) => {
    const worker = world.worker(random);
    if (worker === undefined) return false;
    await worker.order(`block ${random.integer(500, 6_000)}`).catch(() => {});
  },
  'clock of a worker set wrong, then right': async (world, random) => {
    const worker = world.worker(random);
    if (worker === undefined) return false;
    const hours = random.pick([-5, -1, 1, 5]);
    await worker.order(`clock ${hours * 3_600_000}`).catch(() => {});
    await pause(random.integer(500, 4_000));
    await worker.order('clock 0').catch(() => {});
  },
  'engine process killed': async (world, random) => {
    const [engine] = childrenOf(world.worker(random)?.pid);
    if (engine === undefined) return false;
    signal(engine, 'SIGKILL');
  },
  'engine process asleep': async (world, random) => {
    const [engine] = childrenOf(world.worker(random)?.pid);
    if (engine === undefined) return false;
    signal(engine, 'SIGSTOP');
    await pause(random.integer(200, 5_000));
    signal(engine, 'SIGCONT');
  },
  'another worker and reconciler for a while': async (world, random) => {
    await world.withOneMore(() => pause(random.integer(2_000, 6_000)));
  },
  'a worker of an older version beside the others': async (world, random) => {
    const older = await world.olderWorker();
    if (older === null) return false;
    await pause(random.integer(2_000, 6_000));
    await older.kill();
    const claimed = await world.patiently(() =>
      world.database.query('SELECT FROM detoxq.chunks WHERE worker = $1', [`fault/${older.pid}`]),
    );
    if (claimed.length > 0) world.blame(`a worker of an older version claimed ${claimed.length} chunks`);
  },
  'three migrations at once': async (world) => {
    const ends = await Promise.all([1, 2, 3].map(() => world.cluster.cli(['migrate'], world.env)));
    for (const end of ends) {
      if (end.code !== 0 && !failedForServices(end)) world.blame(`a migration failed: ${lastLines(end.stderr)}`);
    }
  },
  ...MEMORY_FAULTS,
  ...ENDING_FAULTS,
};

/** What is done to services and the way to them. */
export const SERVICE_FAULTS: Readonly<Record<string, SoakFault>> = {
  'Redis killed, and started again empty': async (world, random) => {
    await world.redis().kill();
    await pause(random.integer(0, 3_000));
    await world.redis().restart();
  },
  FLUSHALL: (world) => onRedis(world.redis().url, async (redis) => void (await redis.flushall())),
  'Redis over its memory limit': (world, random) =>
    onRedis(world.redis().url, async (redis) => {
      await redis.config('SET', 'maxmemory', '1');
      await pause(random.integer(500, 5_000));
      await redis.config('SET', 'maxmemory', '0');
    }),
  'Redis fails over to an empty replica': async (world, random) => {
    const replica = await startPrivateRedis(['--maxmemory-policy', 'noeviction']);
    return onRedis(replica.url, async (redis) => {
      await redis.replicaof('127.0.0.1', 1);
      await world.replaceRedis(replica);
      await pause(random.integer(0, 3_000));
      await redis.replicaof('NO', 'ONE');
    });
  },
  'jobs delivered many times': (world, random) =>
    onRedis(world.redis().url, (redis) => deliverAgain(world, random, redis)),
  'Postgres stopped at once, and started again': async (world, random) => {
    await world.cluster.postgres.stop();
    await pause(random.integer(0, 5_000));
    await world.cluster.postgres.start();
  },
  'Postgres has no connection left': async (world, random) => {
    const others: pg.Client[] = [];
    const until = performance.now() + random.integer(1_000, 4_000);
    while (performance.now() < until) {
      const client = new pg.Client({ connectionString: world.cluster.postgres.url });
      client.on('error', () => {});
      const connected = await client.connect().then(
        () => true,
        () => false,
      );
      if (connected) others.push(client);
      else await pause(50);
      // Whoever has a connection loses it, and finds none.
      if (!connected || random.chance(0.1)) {
        const terminate =
          "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name LIKE 'fault/%'";
        await others[0]?.query(terminate).catch(() => {});
      }
    }
    await Promise.all(others.map((each) => each.end().catch(() => {})));
  },
  'disk of Postgres full': async (world, random) => {
    const { database } = world;
    await world.patiently(() =>
      database.query(`
        CREATE OR REPLACE FUNCTION full_disk() RETURNS trigger LANGUAGE plpgsql AS
        $$ BEGIN RAISE EXCEPTION 'could not extend file: No space left on device' USING ERRCODE = '53100'; END $$`),
    );
    const set = (statement: string) =>
      world.patiently(() => database.query(`DROP TRIGGER IF EXISTS full_disk ON chunks; ${statement}`));
    await set('CREATE TRIGGER full_disk BEFORE UPDATE ON chunks FOR EACH ROW EXECUTE FUNCTION full_disk()');
    await pause(random.integer(500, 4_000));
    await set('');
  },
  'a deadlock': async (world, random) => {
    const open = world.feeder.runs.filter(({ id }) => id !== null);
    if (open.length === 0) return false;
    const run = open[open.length - random.integer(1, Math.min(2, open.length))];
    const other = new pg.Client({ connectionString: world.cluster.postgres.url, query_timeout: 5_000 });
    other.on('error', () => {});
    try {
      await other.connect();
      // Whoever waited first has looked for a deadlock when there was none yet, and does not look again.
      await other.query("SET deadlock_timeout = '2s'");
      await other.query('BEGIN');
      await other.query(`LOCK TABLE results_${run?.id} IN SHARE MODE`);
      await pause(random.integer(100, 1_500));
      await other.query('UPDATE detoxq.chunks SET worker = worker WHERE run_id = $1', [run?.id]);
      await pause(random.integer(0, 1_500));
      await other.query('COMMIT');
    } catch {
      // It was the victim itself, or Postgres is away.
    } finally {
      await other.end().catch(() => {});
    }
  },
  'network to Postgres cut': (world, random) => cut(world.postgresProxy, random),
  'network to Redis cut': (world, random) => cut(world.redisProxy, random),
  'network to Postgres slow': (world, random) => slow(world.postgresProxy, random),
  'network to Redis slow': (world, random) => slow(world.redisProxy, random),
  'connections to Postgres fall silent': ({ postgresProxy }) => fallSilent(postgresProxy),
  'connections to Redis fall silent': ({ redisProxy }) => fallSilent(redisProxy),
  ...CONTENT_FAULTS,
  ...POSTGRES_FAULTS,
};

async function onRedis(url: string, work: (redis: Redis) => Promise<void>): Promise<undefined> {
  const redis = new Redis(url, { maxRetriesPerRequest: null });
  redis.on('error', () => {});
  try {
    await work(redis);
  } finally {
    redis.disconnect();
  }
}

async function deliverAgain(world: SoakWorld, random: Random, connection: Redis): Promise<void> {
  const queue = new Queue('fault', { connection, prefix: '{detoxq}' });
  queue.on('error', () => {});
  const again = random.integer(0, 2 ** 32);
  for (const { id } of world.feeder.runs.slice(-3)) {
    if (id === null) continue;
    const open = await world.patiently(() => openChunks(world.database, id, { after: -1, limit: 50 }));
    const chunks = await world.patiently(() => readChunks(world.database, id, open));
    for (let time = 0; time < 4; time += 1) {
      await queue.addBulk(
        chunks.map((chunk) => ({
          name: 'chunk',
          data: jobOf(id, chunk),
          opts: {
            jobId: `${id}-${chunk.chunkNo}-again-${again}-${time}`,
            removeOnComplete: true,
            lifo: time % 2 === 0,
          },
        })),
      );
    }
  }
  await queue.close();
}

async function cut(proxy: SoakWorld['redisProxy'], random: Random): Promise<undefined> {
  proxy.cut();
  await pause(random.integer(100, 6_000));
  proxy.mend();
}

async function slow(proxy: SoakWorld['redisProxy'], random: Random): Promise<undefined> {
  proxy.delay(random.integer(20, 400));
  await pause(random.integer(1_000, 8_000));
  proxy.mend();
}

async function fallSilent(proxy: SoakWorld['redisProxy']): Promise<undefined> {
  proxy.halfOpen();
  // Longer than either end waits for an answer. The server would run out of connections some time.
  setTimeout(() => proxy.endSilent(), 25_000).unref();
}
