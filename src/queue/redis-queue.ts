import { createRedisBackend, DelayedError, type RedisQueueBackend } from 'bullmq';
import { Redis } from 'ioredis';
import { DetoxqError, UsageError } from '../contract/errors.ts';
import type { Log } from '../contract/log.ts';
import { parseRedisAddress, type RedisAddress } from '../contract/redis-address.ts';
import { type BullBackend, KEY_PREFIX, type OpenConnection } from './bull-backend.ts';
import type { Redelivery } from './bull-consumer.ts';
import { createBullQueue } from './bull-queue.ts';
import type { ChunkQueue } from './queue.ts';
import { CLOSED_AT_ONCE, translateRedisError } from './redis-errors.ts';
import { checkServer } from './redis-server.ts';

const CONNECT_TIMEOUT_MS = 10_000;
/** A producer's command without an answer fails after this long. */
const COMMAND_TIMEOUT_MS = 30_000;
const KEEP_ALIVE_MS = 10_000;
/** Longer than a wait for jobs (10 s). A connection that owes an answer for so long is opened again. */
const ANSWER_TIMEOUT_MS = 20_000;
const LONGEST_RECONNECT_MS = 10_000;
/** After this long, the wait for a server that loads its data or does not answer is logged. */
const PATIENCE_MS = 3_000;

export interface RedisQueueOptions {
  /** `redis://user:password@host:6379/0`, `rediss://` for TLS, or `unix:///folder/redis.sock`. */
  readonly url: string;
  /** Producers and workers of one installation share it. */
  readonly name: string;
  /** Whose queue it is, for people. Default: not checked. */
  readonly installation?: string;
  readonly log: Log;
  /** When the jobs of a silent worker are delivered again. Default: after 30 s, checked every 10 s. */
  readonly redelivery?: Redelivery;
}

/**
 * The queue on Redis or Valkey, 6.2 or newer.
 * @throws ServiceError when it cannot be reached; UsageError for an address that cannot be used, or a queue of
 *   another installation
 */
export async function createRedisQueue({
  url,
  name,
  installation,
  log,
  redelivery,
}: RedisQueueOptions): Promise<ChunkQueue> {
  const address = parseRedisAddress(url);
  const { where } = address;
  const translate = (error: unknown) => translateRedisError(error, where);
  let checked = false;

  async function connect(role: 'producer' | 'consumer'): Promise<OpenConnection<Redis>> {
    const redis = new Redis({
      ...optionsOf(address),
      lazyConnect: true,
      connectTimeout: CONNECT_TIMEOUT_MS,
      // Without these two, it takes 15 minutes (unanswered) to 2 hours (idle) to notice a connection that a firewall dropped.
      keepAlive: KEEP_ALIVE_MS,
      socketTimeout: ANSWER_TIMEOUT_MS,
      connectionName: `detoxq-${role}`,
      retryStrategy: (times) =>
        Math.min(LONGEST_RECONNECT_MS, 100 * 2 ** Math.min(times, 10)) * (0.5 + Math.random() / 2),
      ...(role === 'producer'
        ? { enableOfflineQueue: false, maxRetriesPerRequest: 1, commandTimeout: COMMAND_TIMEOUT_MS }
        : { maxRetriesPerRequest: null }),
    });
    // BullMQ duplicates a worker's connection for waiting, and leaves it reconnecting when Redis is away at the end.
    const opened = [redis];
    insistOnDatabase(redis);
    const duplicate = redis.duplicate.bind(redis);
    redis.duplicate = (override) => {
      const copy = duplicate(override);
      insistOnDatabase(copy);
      opened.push(copy);
      return copy;
    };
    const disconnect = (): void => {
      for (const each of opened) each.disconnect();
    };
    let fault: unknown;
    // The first error is kept: connect() itself only says that the connection was closed.
    redis.on('error', (error) => {
      fault ??= error;
    });
    const patience = setTimeout(() => {
      log.warn({}, `Redis at ${where} is not ready yet: it loads its data, or does not answer; waiting`);
    }, PATIENCE_MS);
    try {
      await redis.connect();
      if (!checked) {
        await checkServer(redis, where, log);
        if (installation !== undefined) await requireOwnQueue(redis, where, name, installation);
      }
      checked = true;
    } catch (error) {
      disconnect();
      throw translate(causeOf(error, fault));
    } finally {
      clearTimeout(patience);
    }
    return { connection: redis, disconnect };
  }

  const backend: BullBackend<RedisQueueBackend, Redis> = {
    factory: createRedisBackend,
    connect,
    // moveToWait would make it the next one; a job whose delay is over goes to the end.
    async putLast(job, token) {
      await job.moveToDelayed(Date.now(), token);
      throw new DelayedError();
    },
    translate,
  };
  return createBullQueue(name, backend, log, redelivery);
}

function optionsOf(address: RedisAddress) {
  const { place, tls, user, password, database } = address;
  return {
    ...place,
    ...(tls ? { tls: {} } : {}),
    ...(user === undefined ? {} : { username: user }),
    ...(password === undefined ? {} : { password }),
    db: database,
  };
}

/** Refuses a queue of another database: workers of one would remove the jobs of the other. */
async function requireOwnQueue(redis: Redis, where: string, name: string, installation: string): Promise<void> {
  const key = `${KEY_PREFIX}:${name}:installation`;
  let owner = await redis.get(key);
  if (owner === installation) return;
  // A write, which Redis refuses when its memory is full.
  if (owner === null) await redis.setnx(key, installation);
  owner = await redis.get(key);
  if (owner === null || owner === installation) return;
  throw new UsageError(
    `the queue ${name} on Redis at ${where} is that of another installation (${owner}), and this is ${installation}: ` +
      `set DETOXQ_QUEUE to another name. If that installation is no more: redis-cli del '${key}'`,
  );
}

/** Why a connection could not be opened: the answer to a command, else the error that ended the connection. */
function causeOf(error: unknown, fault: unknown): unknown {
  if (error instanceof DetoxqError || (error instanceof Error && error.name === 'ReplyError')) return error;
  return fault ?? new Error(CLOSED_AT_ONCE);
}

/** Refuses a database number that does not exist: ioredis would go on with database 0, which is another queue. */
function insistOnDatabase(redis: Redis): void {
  redis.on('error', (error: unknown) => {
    if (isRefusedSelect(error)) redis.disconnect(true);
  });
}

function isRefusedSelect(error: unknown): boolean {
  if (!(error instanceof Error) || error.name !== 'ReplyError' || !('command' in error)) return false;
  const { command } = error;
  return typeof command === 'object' && command !== null && 'name' in command && command.name === 'select';
}
