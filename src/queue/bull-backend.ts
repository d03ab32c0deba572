import type { BackendFactory, IQueueBackend, Job } from 'bullmq';
import type { DetoxqError } from '../contract/errors.ts';

/** The backend of BullMQ: Redis or Postgres. */
export interface BullBackend<Backend extends IQueueBackend, Connection> {
  readonly factory: BackendFactory<Backend, Connection>;
  /** A connection that is known to work. `consumer`: commands wait for a lost connection; else they fail at once. */
  connect(role: 'producer' | 'consumer'): Promise<OpenConnection<Connection>>;
  /**
   * Puts a job that its consumer holds behind all jobs that wait, for any consumer.
   * @throws WaitingError or DelayedError, which tells BullMQ that the job is neither done nor failed
   */
  putLast(job: Job, token: string | undefined): Promise<never>;
  /** Translates an error of the backend for callers. */
  translate(error: unknown): DetoxqError;
}

export interface OpenConnection<Connection> {
  readonly connection: Connection;
  /** Closes what BullMQ leaves open. */
  disconnect(): void;
}

/** Braces keep all keys of a queue in one slot of a Redis Cluster. Postgres has a schema of its own instead. */
export const KEY_PREFIX = '{detoxq}';
