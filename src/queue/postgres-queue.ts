import { createPostgresBackend, type PostgresConnectionOptions, type PostgresQueueBackend, WaitingError } from 'bullmq';
import type { Log } from '../contract/log.ts';
import { openAddress } from '../store/postgres-connection.ts';
import { translatePostgresError } from '../store/postgres-errors.ts';
import { startupOptions } from '../store/session-settings.ts';
import type { BullBackend } from './bull-backend.ts';
import { createBullQueue } from './bull-queue.ts';
import type { ChunkQueue } from './queue.ts';

const DEFAULT_SCHEMA = 'detoxq_queue';
/** Queries at a time; the connection that waits for jobs comes on top. */
const CONNECTIONS = 3;

export interface PostgresQueueOptions {
  /** `postgres://…`. Not through a pooler in transaction mode: waiting for jobs needs a session. */
  readonly url: string;
  /** Producers and workers of one installation share it. */
  readonly name: string;
  readonly log: Log;
  /** Schema of the queue's tables, made when it is not there. Default `detoxq_queue`. */
  readonly schema?: string;
}

/**
 * The queue on Postgres, for machines without Redis: about 600 to 1,000 chunks per second.
 * @throws ServiceError when Postgres cannot be reached; UsageError for an address that cannot be used
 */
export async function createPostgresQueue(options: PostgresQueueOptions): Promise<ChunkQueue> {
  const { url, name, log, schema = DEFAULT_SCHEMA } = options;
  const { where, connection } = openAddress(url, 'detoxq-queue');
  const backend: BullBackend<PostgresQueueBackend, PostgresConnectionOptions> = {
    factory: createPostgresBackend,
    // BullMQ opens the connection itself, and its queue and worker wait for it.
    connect: async () => ({
      connection: {
        ...connection,
        options: startupOptions({ options: connection.options, keepLimits: false }),
        // BullMQ hands it on to pg as it is; only its type wants a text.
        password: connection.password as unknown as string,
        schema,
        migrate: true,
        max: CONNECTIONS,
      },
      disconnect: () => {},
    }),
    async putLast(job, token) {
      await job.moveToWait(token);
      throw new WaitingError();
    },
    translate: (error) => translatePostgresError(error, where, true),
  };
  return createBullQueue(name, backend, log);
}
