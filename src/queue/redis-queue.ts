import { createRedisBackend, DelayedError, type RedisQueueBackend } from 'bullmq';
import { Redis } from 'ioredis';
import { DetoxqError, ServiceError, UsageError } from '../contract/errors.ts';
import type { Log } from '../contract/log.ts';
import type { BullBackend, OpenConnection } from './bull-backend.ts';
import type { Redelivery } from './bull-consumer.ts';
import { createBullQueue } from './bull-queue.ts';
import type { ChunkQueue } from './queue.ts';

const CONNECT_TIMEOUT_MS = 10_000;
/** A producer's command without an answer has failed after this long. */
const COMMAND_TIMEOUT_MS = 30_000;
const KEEP_ALIVE_MS = 10_000;
/** Longer than a wait for jobs (10 s): a connection that is silent so long while it owes an answer is opened again. */
const ANSWER_TIMEOUT_MS = 20_000;
const LONGEST_RECONNECT_MS = 10_000;
const OLDEST_SERVER = [6, 2] as const;

const ADVICE: readonly (readonly [RegExp, string])[] = [
  [/ECONNREFUSED/, 'nothing listens there: is Redis running, and is REDIS_URL right?'],
  [/ENOTFOUND|EAI_AGAIN/, 'that host is unknown: check REDIS_URL'],
  [/ETIMEDOUT|timed out/, 'it does not answer: check REDIS_URL and the network'],
  [/WRONGPASS|NOAUTH|invalid password/, 'user or password is wrong: check REDIS_URL'],
  [/NOPERM/, 'this user may not do what a queue needs: check its ACL'],
  [/^OOM/, 'its memory is full: raise maxmemory, or wait until workers have caught up'],
  [/^READONLY/, 'it is a replica: point REDIS_URL at the primary'],
  [/^MISCONF/, 'it cannot write to its disk: see its log'],
  [/isn't writeable|Connection is closed|max retries/i, 'the connection is lost; it is being opened again'],
];

export interface RedisQueueOptions {
  /** `redis://user:password@host:6379/0`, or `rediss://` for TLS. */
  readonly url: string;
  /** Producers and workers of one installation share it. */
  readonly name: string;
  readonly log: Log;
  /** When jobs of a silent worker are delivered again. Default after 30 s, looked for every 10 s. */
  readonly redelivery?: Redelivery;
}

/**
 * The queue on Redis or Valkey, 6.2 or newer.
 * @throws ServiceError when it cannot be reached; UsageError when `url` is no such address
 */
export async function createRedisQueue({ url, name, log, redelivery }: RedisQueueOptions): Promise<ChunkQueue> {
  const where = describeAddress(url);
  const translate = (error: unknown) => translateRedisError(error, where);
  let checked = false;

  async function connect(role: 'producer' | 'consumer'): Promise<OpenConnection<Redis>> {
    const redis = new Redis(url, {
      lazyConnect: true,
      connectTimeout: CONNECT_TIMEOUT_MS,
      // Without them, a connection that a firewall dropped is waited for 15 minutes (unanswered) to 2 hours (idle).
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
    const duplicate = redis.duplicate.bind(redis);
    redis.duplicate = (override) => {
      const copy = duplicate(override);
      opened.push(copy);
      return copy;
    };
    const disconnect = (): void => {
      for (const each of opened) each.disconnect();
    };
    let fault: unknown;
    // Kept: connect() itself only says that the connection was closed.
    redis.on('error', (error) => {
      fault = error;
    });
    try {
      await redis.connect();
      if (!checked) await checkServer(redis, where, log);
      checked = true;
    } catch (error) {
      disconnect();
      throw translate(error instanceof DetoxqError ? error : (fault ?? error));
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

async function checkServer(redis: Redis, where: string, log: Log): Promise<void> {
  const info = await redis.info();
  const field = (name: string) => new RegExp(`^${name}:(.*?)\\r?$`, 'm').exec(info)?.[1] ?? '';
  // Valkey reports the Redis version that it is compatible with.
  const [major = 0, minor = 0] = field('redis_version').split('.').map(Number);
  if (major < OLDEST_SERVER[0] || (major === OLDEST_SERVER[0] && minor < OLDEST_SERVER[1])) {
    throw new DetoxqError(`Redis at ${where} is version ${major}.${minor}: detoxq needs 6.2 or newer`);
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

function translateRedisError(error: unknown, where: string): DetoxqError {
  if (error instanceof DetoxqError) return error;
  const message = error instanceof Error ? `${codeOf(error)} ${error.message}`.trim() : 'unknown failure';
  // The arguments of a refused command hold rows, or the password.
  if (error instanceof Error && 'command' in error) delete error.command;
  const advice = ADVICE.find(([pattern]) => pattern.test(message))?.[1] ?? message;
  return new ServiceError(`Redis at ${where} cannot be used: ${advice}`, { cause: error });
}

function codeOf(error: Error): string {
  return 'code' in error && typeof error.code === 'string' ? error.code : '';
}

/** Host, port and database of an address, without user and password. */
function describeAddress(url: string): string {
  // The error of URL holds the address with its password: it must not be kept as the cause.
  if (!URL.canParse(url)) throw notAnAddress();
  const address = new URL(url);
  if (address.protocol !== 'redis:' && address.protocol !== 'rediss:') throw notAnAddress();
  return `${address.hostname}:${address.port || '6379'}${address.pathname}`;
}

function notAnAddress(): UsageError {
  return new UsageError('the Redis address is not of the form redis://user:password@host:6379/0');
}
