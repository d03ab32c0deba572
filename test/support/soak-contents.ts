import { setTimeout as pause } from 'node:timers/promises';
import { Redis } from 'ioredis';
import type { Random } from './random.ts';
import type { SoakFault } from './soak-world.ts';

/*
 * What Redis holds is damaged: payloads, jobs, the lists of jobs. The key of a job is `{detoxq}:fault:RUN-CHUNK`, a hash
 * with the fields of BullMQ.
 */
const PREFIX = '{detoxq}:fault';

export const CONTENT_FAULTS: Readonly<Record<string, SoakFault>> = {
  'payloads in Redis damaged, cut off, exchanged': (world, random) =>
    onRedis(world.redis().url, async (redis) => {
      let damaged = 0;
      let another = '';
      for (const key of await jobKeys(redis)) {
        const data = jobData(await redis.hget(key, 'data'));
        if (data === null || random.chance(0.3)) continue;
        const payload = String(data.payload);
        await redis.hset(key, 'data', JSON.stringify({ ...data, payload: damagedPayload(payload, another, random) }));
        another = payload;
        damaged += 1;
      }
      return damaged > 0;
    }),
  'jobs in Redis garbled': (world, random) =>
    onRedis(world.redis().url, async (redis) => {
      const keys = (await jobKeys(redis)).filter(() => random.chance(0.3));
      for (const key of keys) await garble(redis, key, random);
      return keys.length > 0;
    }),
  'lists of jobs in Redis garbled': (world, random) =>
    onRedis(world.redis().url, async (redis) => {
      const waiting = await redis.lrange(`${PREFIX}:wait`, 0, -1);
      for (const id of waiting.filter(() => random.chance(0.3))) {
        const kind = random.integer(0, 3);
        if (kind === 0) await redis.lrem(`${PREFIX}:wait`, 0, id);
        if (kind === 1) await redis.lpush(`${PREFIX}:wait`, id);
        if (kind === 2) await redis.rpush(`${PREFIX}:wait`, `no-such-run-${random.integer(0, 99)}`);
        if (kind === 3) await redis.del(`${PREFIX}:${id}`);
      }
      for (const id of await redis.lrange(`${PREFIX}:active`, 0, -1)) {
        const kind = random.integer(0, 2);
        if (kind === 0) await redis.del(`${PREFIX}:${id}:lock`);
        if (kind === 1) await redis.lrem(`${PREFIX}:active`, 0, id);
      }
      return true;
    }),
  'a list of jobs in Redis replaced by a text': (world, random) =>
    onRedis(world.redis().url, async (redis) => {
      const list = `${PREFIX}:${random.pick(['wait', 'active', 'delayed', 'stalled'])}`;
      await redis.set(list, 'no list');
      await pause(random.integer(200, 3_000));
      // What an administrator does about it. The product cannot know whose it is.
      await redis.del(list);
      return true;
    }),
};

async function onRedis(url: string, work: (redis: Redis) => Promise<boolean>): Promise<boolean> {
  const redis = new Redis(url, { maxRetriesPerRequest: null });
  redis.on('error', () => {});
  try {
    return await work(redis);
  } finally {
    redis.disconnect();
  }
}

async function jobKeys(redis: Redis): Promise<string[]> {
  const keys: string[] = [];
  let cursor = '0';
  do {
    const [next, found] = await redis.scan(cursor, 'MATCH', `${PREFIX}:*-*`, 'COUNT', 500, 'TYPE', 'hash');
    cursor = next;
    keys.push(...found);
  } while (cursor !== '0');
  return keys.sort();
}

function jobData(json: string | null): Record<string, unknown> | null {
  try {
    const data: unknown = JSON.parse(json ?? '');
    return typeof data === 'object' && data !== null && !Array.isArray(data) ? { ...data } : null;
  } catch {
    return null;
  }
}

function damagedPayload(payload: string, another: string, random: Random): unknown {
  const bytes = Buffer.from(payload, 'base64');
  switch (random.integer(0, 6)) {
    case 0:
      return another;
    case 1:
      return bytes.subarray(0, random.integer(0, bytes.length)).toString('base64');
    case 2:
      return Buffer.concat([bytes, bytes]).toString('base64');
    case 3:
      return random.pick([undefined, null, 7, '', 'é§ is no base64', { an: 'object' }]);
    default: {
      // One bit, most often: what a checksum is for.
      for (let bits = random.integer(1, 3); bits > 0 && bytes.length > 0; bits -= 1) {
        const at = random.integer(0, bytes.length - 1);
        bytes[at] = (bytes[at] ?? 0) ^ (1 << random.integer(0, 7));
      }
      return bytes.toString('base64');
    }
  }
}

/** HSET makes a job anew that was done meanwhile: a bare one, in no list. */
async function garble(redis: Redis, key: string, random: Random): Promise<void> {
  const data = jobData(await redis.hget(key, 'data'));
  switch (random.integer(0, 5)) {
    case 0:
      await redis.hset(key, 'data', random.pick(['null', '[]', '7', '"text"', '{broken', '']));
      return;
    case 1:
      await redis.hset(
        key,
        'data',
        JSON.stringify({
          ...data,
          ...random.pick<object>([
            { chunkNo: random.integer(0, 9) },
            { chunkNo: 'one' },
            { chunkNo: -1 },
            { chunkNo: 1e12 },
            { runId: null },
            { runId: 'r-no-such' },
            { firstRow: -5 },
          ]),
        }),
      );
      return;
    case 2:
      await redis.hdel(key, random.pick(['data', 'opts', 'name', 'timestamp', 'delay', 'priority']));
      return;
    case 3:
      await redis.hset(key, random.pick(['opts', 'timestamp', 'delay', 'priority', 'atm', 'ats', 'stc']), 'garbage');
      return;
    case 4:
      await redis.hset(key, random.pick(['delay', 'atm', 'ats', 'stc']), String(random.integer(-1, 2 ** 31)));
      return;
    default:
      await redis.del(key);
  }
}
