import { Redis } from 'ioredis';
import { afterEach, beforeEach, describe, expect, onTestFinished, test, vi } from 'vitest';
import { ServiceError, UsageError } from '../../src/contract/errors.ts';
import type { ChunkQueue } from '../../src/queue/queue.ts';
import { createRedisQueue } from '../../src/queue/redis-queue.ts';
import { canStartRedis, freePort, type PrivateRedis, startPrivateRedis } from '../support/private-redis.ts';
import { createRecorder, createTestLog, jobOf } from '../support/queues.ts';

const SOON = { timeout: 30_000, interval: 20 };
const NAME = 'detoxq-test';

async function openQueue(url: string, log = createTestLog()): Promise<ChunkQueue> {
  const queue = await createRedisQueue({ url, name: NAME, log: log.log });
  onTestFinished(() => queue.close());
  return queue;
}

test.each(['localhost:6379', 'http://localhost:6379', ''])('%j is no address of Redis', async (url) => {
  await expect(openQueue(url)).rejects.toThrow(UsageError);
});

test('where nothing listens, the error says so and keeps the password to itself', async () => {
  const port = await freePort();
  const error: unknown = await openQueue(`redis://user:hunter2@127.0.0.1:${port}/1`).catch((reason) => reason);
  expect(error).toBeInstanceOf(ServiceError);
  expect(String(error)).toBe(
    `ServiceError: Redis at 127.0.0.1:${port}/1 cannot be used: nothing listens there: is Redis running, and is REDIS_URL right?`,
  );
  expect(JSON.stringify([error, (error as Error).cause])).not.toContain('hunter2');
});

describe.skipIf(!canStartRedis)(
  canStartRedis ? 'a Redis that breaks' : 'a Redis that breaks (skipped: no redis-server)',
  () => {
    let redis: PrivateRedis;
    let log: ReturnType<typeof createTestLog>;
    beforeEach(() => {
      log = createTestLog();
    });
    afterEach(() => redis.remove());

    test('a wrong password is said, and not told', async () => {
      redis = await startPrivateRedis(['--requirepass', 'right']);
      const error: unknown = await openQueue(redis.url.replace('//', '//:hunter2@')).catch((reason) => reason);
      expect(error).toBeInstanceOf(ServiceError);
      expect(String(error)).toContain('user or password is wrong');
      expect(JSON.stringify([error, (error as Error).cause])).not.toContain('hunter2');
      const none: unknown = await openQueue(redis.url).catch((reason) => reason);
      expect(String(none)).toContain('the address has no password');
      await openQueue(redis.url.replace('//', '//:right@'));
    });

    test('a policy that throws jobs away is warned of', async () => {
      redis = await startPrivateRedis(['--maxmemory-policy', 'allkeys-lru']);
      await openQueue(redis.url, log);
      expect(log.entries).toEqual([
        { level: 'warn', fields: { policy: 'allkeys-lru' }, message: expect.stringContaining('noeviction') },
      ]);
    });

    test('a Redis that dies fails producers at once, and comes back to producers and consumers', async () => {
      redis = await startPrivateRedis();
      const queue = await openQueue(redis.url, log);
      const recorder = createRecorder();
      const consumer = await queue.consume(recorder.process, { concurrency: 1 });
      await queue.add([jobOf(0)]);
      await recorder.until(1);
      await redis.kill();
      await vi.waitFor(() => expect(queue.add([jobOf(1)])).rejects.toThrow(ServiceError), SOON);
      await redis.restart();
      await vi.waitFor(() => queue.add([jobOf(2)]), SOON);
      await vi.waitFor(() => expect(recorder.jobs).toContainEqual(jobOf(2)), SOON);
      await consumer.close(5_000);
    });

    test('a consumer whose Redis is gone closes nevertheless', async () => {
      redis = await startPrivateRedis();
      const queue = await openQueue(redis.url, log);
      const consumer = await queue.consume(createRecorder().process, { concurrency: 1 });
      await redis.kill();
      expect(await consumer.close(1_000)).toBe(true);
    });

    test('a Redis at its memory limit is asked again after a pause, not at once, and work goes on when there is room', async () => {
      redis = await startPrivateRedis(['--maxmemory-policy', 'noeviction']);
      const admin = new Redis(redis.url);
      onTestFinished(() => void admin.disconnect());
      const queue = await openQueue(redis.url, log);
      await queue.add([jobOf(0), jobOf(1)]);
      await admin.config('SET', 'maxmemory', '1');
      await expect(queue.add([jobOf(2)])).rejects.toThrow('its memory is full');
      const recorder = createRecorder();
      const consumer = await queue.consume(recorder.process, { concurrency: 1 });
      const refused = async () => Number(/errorstat_OOM:count=(\d+)/.exec(await admin.info('errorstats'))?.[1] ?? 0);
      const before = await refused();
      const startedMs = performance.now();
      await vi.waitFor(async () => expect(await refused()).toBeGreaterThanOrEqual(before + 4), SOON);
      // Without pauses there are thousands a second.
      const perSecond = ((await refused()) - before) / ((performance.now() - startedMs) / 1_000);
      expect(perSecond).toBeLessThan(20);
      expect(log.entries).toContainEqual({
        level: 'warn',
        fields: expect.objectContaining({ reason: expect.stringContaining('its memory is full') }),
        message: 'the queue has a fault',
      });
      await admin.config('SET', 'maxmemory', '0');
      await recorder.until(2);
      await consumer.close(5_000);
    });
  },
);
