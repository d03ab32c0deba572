/** A chunk on its way to a worker. The ledger has the same rows, so the loss of a queue costs time, never rows. */
export interface ChunkJob {
  readonly runId: string;
  readonly chunkNo: number;
  /** `rowNo` of the first row. */
  readonly firstRow: number;
  /** The rows as `packRows` gives them, in base64. Empty where they are too many; then the worker reads them from the ledger. */
  readonly payload: string;
}

/**
 * A larger payload does not travel with its job, so that a thousand of them take 90 MB of Redis at most. The rows of most
 * chunks come to a third of it.
 */
export const MOST_JOB_PAYLOAD_BYTES = 64 * 1024;

/** The job of a chunk. */
export function jobOf(
  runId: string,
  { chunkNo, firstRow, payload }: { chunkNo: number; firstRow: number; payload: Uint8Array | null },
): ChunkJob {
  const travels = payload !== null && payload.length <= MOST_JOB_PAYLOAD_BYTES;
  return { runId, chunkNo, firstRow, payload: travels ? Buffer.from(payload).toString('base64') : '' };
}

/**
 * The queue name of an installation that sets none. Installations that share a Redis must not share it: workers of one would
 * take the jobs of the other.
 */
export function defaultQueueName(schema: string, installationId: string): string {
  // Installations in public always had this name, so that jobs from before an update are found.
  return schema === 'public' ? 'detoxq' : `detoxq-${installationId}`;
}

/** The names of schemas that BullMQ takes. */
const PLAIN_NAME = /^[A-Za-z_][A-Za-z0-9_$]{0,57}$/;

/** The schema of a queue on Postgres whose tables are in `schema`, so that each installation of a database has its own. */
export function queueSchema(schema: string): string {
  // Before tables had a schema of their own, they were in public, and the queue was here.
  return schema === 'public' || !PLAIN_NAME.test(schema) ? 'detoxq_queue' : `${schema}_jobs`;
}

/** Names a job in the queue. One chunk has one job at most. */
export function jobId({ runId, chunkNo }: Pick<ChunkJob, 'runId' | 'chunkNo'>): string {
  return `${runId}-${chunkNo}`;
}

const JOB_ID = /^(.+)-\d+$/;

/** The run that a job belongs to; null for a name of another form. */
export function runOfJob(id: string): string | null {
  return JOB_ID.exec(id)?.[1] ?? null;
}

/**
 * What became of a delivered job. `again`: handed back at once, for any worker. `later`: handed back behind all jobs that
 * wait, for a worker that takes chunks of other runs.
 *
 * A processor that throws gets the job again after a growing pause. A DetoxqError other than a ServiceError would come again
 * on another try: then the job is removed, until the reconciler finds the chunk still open.
 */
export type Delivery = 'done' | 'again' | 'later';

export interface Consumer {
  /** Takes no new jobs. Those in work go on. */
  pause(): void;
  resume(): void;
  /** Sets how many jobs are in work at a time. Jobs above that are finished. */
  setConcurrency(jobs: number): void;
  /**
   * Takes no new jobs, waits for those in work, and closes its connections.
   * @returns false when `deadlineMs` passed first: then jobs in work are delivered again when their locks run out (30 s)
   */
  close(deadlineMs: number): Promise<boolean>;
}

/** @throws ServiceError from every method when the service behind the queue cannot be reached or refuses */
export interface ChunkQueue {
  /** Adds jobs in order. Jobs that the queue already has stay as they are. When it throws, some may have been added. */
  add(jobs: readonly ChunkJob[]): Promise<void>;
  /** Jobs that wait, are in work, or pause before another try. */
  depth(): Promise<number>;
  /** Those of the given job ids that will be delivered as they are. */
  knows(ids: readonly string[]): Promise<ReadonlySet<string>>;
  /** Forgets jobs that are not in work. */
  remove(ids: readonly string[]): Promise<void>;
  /** Shows the names of all jobs to `choose`, a page at a time, and forgets those that it returns and that are not in work. */
  removeWhere(choose: (ids: readonly string[]) => Promise<readonly string[]>): Promise<void>;
  /**
   * Delivers jobs to `process`, each at least once: a job whose worker falls silent for 30 s is delivered again.
   * @param concurrency jobs in work at a time
   */
  consume(process: (job: ChunkJob) => Promise<Delivery>, options: { readonly concurrency: number }): Promise<Consumer>;
  /** Deletes the queue with all its jobs. */
  obliterate(): Promise<void>;
  close(): Promise<void>;
}
