import { randomBytes } from 'node:crypto';
import { Redis } from 'ioredis';
import { describe } from 'vitest';
import type { Log } from '../../src/contract/log.ts';
import { createPostgresQueue } from '../../src/queue/postgres-queue.ts';
import type { ChunkJob, ChunkQueue, Delivery } from '../../src/queue/queue.ts';
import { createRedisQueue } from '../../src/queue/redis-queue.ts';
import { createTestDatabase } from './database.ts';
import { type Find, findInPostgres, findInRedis } from './find-text.ts';
import { redisUrl, withRedis } from './services.ts';

/** A log that keeps its entries. */
export function createTestLog() {
  const entries: { level: string; fields: object; message: string }[] = [];
  const at = (level: string) => (fields: object, message: string) => void entries.push({ level, fields, message });
  const log: Log = { debug: at('debug'), info: at('info'), warn: at('warn'), error: at('error') };
  return { log, entries };
}

export type QueueKind = 'redis' | 'postgres';

/** The suite on each kind of queue; on Redis only where there is one. */
export function describeQueues(suite: (kind: QueueKind) => void): void {
  describe.skipIf(redisUrl === null)(withRedis('a queue on redis'), () => suite('redis'));
  describe('a queue on postgres', () => suite('postgres'));
}

export interface TestQueues {
  readonly log: ReturnType<typeof createTestLog>;
  /** Another connection to the same queue, as another process would have it. */
  open(): Promise<ChunkQueue>;
  /** Looks for texts in all that the queue holds (see find-text.ts). */
  find(texts: readonly string[]): Promise<Find[]>;
  /** What FLUSHALL would do to this queue. */
  flush(): Promise<void>;
  /** Deletes the queue and closes every connection. */
  drop(): Promise<void>;
}

export async function createTestQueues(kind: QueueKind): Promise<TestQueues> {
  const name = `detoxq-test-${process.pid}-${randomBytes(4).toString('hex')}`;
  const log = createTestLog();
  const fixture = kind === 'postgres' ? await createTestDatabase({ schema: false }) : undefined;
  const queues: ChunkQueue[] = [];
  return {
    log,
    async open() {
      const queue =
        fixture === undefined
          ? await createRedisQueue({ url: redisUrl ?? '', name, log: log.log })
          : await createPostgresQueue({ url: fixture.url, name, log: log.log });
      queues.push(queue);
      return queue;
    },
    find: (texts) =>
      fixture === undefined
        ? findInRedis(redisUrl ?? '', texts, `{detoxq}:${name}`)
        : findInPostgres(fixture.url, texts),
    async flush() {
      if (fixture !== undefined) await fixture.connect().query('DELETE FROM detoxq_queue.job');
      else await deleteQueueKeys(name);
    },
    async drop() {
      const queue = queues[0];
      if (fixture === undefined) await queue?.obliterate();
      await Promise.all(queues.map((each) => each.close()));
      await fixture?.drop();
    },
  };
}

const DELETE_KEYS = "for _, key in ipairs(redis.call('KEYS', ARGV[1])) do redis.call('DEL', key) end";

/**
 * Removes all that a queue has left in the Redis of the test run; nothing where there is none. In one step, as FLUSHALL does it:
 * a half of a queue beside what is added meanwhile is something else.
 */
export async function deleteQueueKeys(name: string): Promise<void> {
  if (!redisUrl) return;
  const redis = new Redis(redisUrl);
  await redis.eval(DELETE_KEYS, 0, `{detoxq}:${name}:*`);
  redis.disconnect();
}

export function jobOf(chunkNo: number, runId = 'rtesting'): ChunkJob {
  return { runId, chunkNo, firstRow: chunkNo * 4, payload: Buffer.from(`rows of ${chunkNo}`).toString('base64') };
}

/** A processor that keeps what it was given; `until(n)` resolves when it has been given n jobs. */
export function createRecorder(answer: (job: ChunkJob, times: number) => Delivery | Promise<Delivery> = () => 'done') {
  const jobs: ChunkJob[] = [];
  const waiting: { count: number; resolve: () => void }[] = [];
  return {
    jobs,
    async process(job: ChunkJob): Promise<Delivery> {
      jobs.push(job);
      for (const { count, resolve } of waiting) if (jobs.length >= count) resolve();
      return answer(job, jobs.filter((other) => other.chunkNo === job.chunkNo).length);
    },
    until(count: number): Promise<void> {
      return new Promise((resolve) => {
        if (jobs.length >= count) resolve();
        else waiting.push({ count, resolve });
      });
    },
  };
}
