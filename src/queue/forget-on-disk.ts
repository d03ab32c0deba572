import { setTimeout as pause } from 'node:timers/promises';
import { Redis } from 'ioredis';
import { translateRedisError } from './redis-errors.ts';

const POLL_MS = 20;
/** The file of a full queue, 30 MB, takes less than a second. */
const PATIENCE_MS = 10_000;

/**
 * Makes a private Redis rewrite its append-only file. Until then, the file still holds what was removed.
 * @throws ServiceError when Redis cannot be reached
 */
export async function forgetOnDisk(url: string): Promise<void> {
  const redis = new Redis(url, { lazyConnect: true, retryStrategy: null, maxRetriesPerRequest: 0 });
  redis.on('error', () => {});
  try {
    await redis.connect();
    const startedMs = performance.now();
    // A rewrite under way may have started before the jobs were removed; this one is then scheduled behind it.
    await redis.bgrewriteaof().catch(() => {});
    // Stopping Redis ends a rewrite, and this command may be the last one that uses it.
    while (performance.now() - startedMs < PATIENCE_MS) {
      const info = await redis.info('persistence');
      if (!/aof_rewrite_(in_progress|scheduled):1/.test(info)) return;
      await pause(POLL_MS);
    }
  } catch (error) {
    throw translateRedisError(error, 'the embedded services');
  } finally {
    redis.disconnect();
  }
}
