import type { Redis } from 'ioredis';
import { DetoxqError } from '../contract/errors.ts';
import type { Log } from '../contract/log.ts';
import { NO_CLUSTER, NO_SENTINEL } from '../contract/redis-address.ts';

const OLDEST_SERVER = [6, 2] as const;

/**
 * Checks that BullMQ can work with the server: a single primary that is new enough and does not evict keys.
 * @throws DetoxqError that says what is supported
 */
export async function checkServer(redis: Redis, where: string, log: Log): Promise<void> {
  const info = await redis.info();
  const field = (name: string) => new RegExp(`^${name}:(.*?)\\r?$`, 'm').exec(info)?.[1] ?? '';
  if (field('redis_mode') === 'sentinel') throw new DetoxqError(`Redis at ${where} is a Sentinel: ${NO_SENTINEL}`);
  if (field('redis_mode') === 'cluster' || field('cluster_enabled') === '1') {
    throw new DetoxqError(`Redis at ${where} is a node of a Redis Cluster: ${NO_CLUSTER}`);
  }
  // Valkey reports the Redis version that it is compatible with.
  const [major = 0, minor = 0] = field('redis_version').split('.').map(Number);
  if (major < OLDEST_SERVER[0] || (major === OLDEST_SERVER[0] && minor < OLDEST_SERVER[1])) {
    throw new DetoxqError(`Redis at ${where} is version ${major}.${minor}: detoxq needs 6.2 or newer`);
  }
  if (field('role') === 'slave') {
    throw new DetoxqError(`Redis at ${where} is a replica, which takes no jobs: point REDIS_URL at the primary`);
  }
  const policy = field('maxmemory_policy');
  if (policy !== 'noeviction' && policy !== '') {
    log.warn(
      { policy },
      `Redis at ${where} may throw jobs away when its memory is full: set maxmemory-policy noeviction ` +
        '(no row is lost, but chunks wait until they are noticed)',
    );
  }
}
