import { type IQueueBackend, Queue } from 'bullmq';
import type { Log } from '../contract/log.ts';
import { type BullBackend, KEY_PREFIX } from './bull-backend.ts';
import { consumeJobs, LONGEST_PAUSE_MS, REDELIVERY, type Redelivery } from './bull-consumer.ts';
import { createFaultReporter } from './fault-reporter.ts';
import { type ChunkJob, type ChunkQueue, type Delivery, jobId } from './queue.ts';
import { within } from './within.ts';

const JOB_NAME = 'chunk';
/** A job whose worker fell silent more often is added anew. The ledger counts the faults of its chunk. */
const MOST_STALLS = 3;

const JOB_OPTIONS = {
  // Nothing of a row stays in the queue: the ledger has the rows that are still to be done.
  removeOnComplete: true,
  removeOnFail: true,
  // Jobs are tried until passing faults are over. The attempts of a chunk are counted in the ledger.
  attempts: 1_000_000,
  backoff: { type: 'custom' },
  stackTraceLimit: 1,
};

/** Where jobs may be. The queue keeps none that are completed or failed; an older version kept failed ones. */
const STATES = ['waiting', 'prioritized', 'delayed', 'active', 'failed', 'completed'] as const;
/** Names of jobs in one answer: about 15 kB. */
const PAGE_JOBS = 1_000;

/** Connections that take longer to close are cut. */
const CLOSE_MS = 5_000;
/** Entries kept in the stream of events, which detoxq does not read. */
const KEPT_EVENTS = 100;

/** A queue of BullMQ, the same on each backend. */
export async function createBullQueue<Backend extends IQueueBackend, Connection>(
  name: string,
  backend: BullBackend<Backend, Connection>,
  log: Log,
  redelivery: Redelivery = REDELIVERY,
): Promise<ChunkQueue> {
  const { connection, disconnect } = await backend.connect('producer');
  const queue = new Queue<ChunkJob, Delivery, string, ChunkJob, Delivery, string, Backend, Connection>(
    name,
    {
      connection,
      prefix: KEY_PREFIX,
      defaultJobOptions: JOB_OPTIONS,
      streams: { events: { maxLen: KEPT_EVENTS } },
    },
    backend.factory,
  );
  const faults = createFaultReporter(log, backend.translate);
  queue.on('error', faults.report);

  async function attempt<T>(work: () => Promise<T>): Promise<T> {
    try {
      return await work();
    } catch (error) {
      throw backend.translate(error);
    }
  }

  /** Whether the job of an open chunk will not be delivered any more, or cannot be done when it is. */
  async function isLost(id: string, state: string): Promise<boolean> {
    // Completed jobs are removed, unless the queue lost that option.
    if (state === 'unknown' || state === 'failed' || state === 'completed') return true;
    if (state !== 'delayed' && state !== 'active') return false;
    try {
      const job = await queue.getJob(id);
      if (job === undefined) return true;
      // A worker whose clock was ahead made it pause until a time far in the future.
      if (state === 'delayed') return (job.processedOn ?? 0) - Date.now() > 2 * LONGEST_PAUSE_MS;
      // BullMQ cannot deliver a damaged job, and takes that for a silent worker. A damaged count is not a number.
      return !(job.stalledCounter <= MOST_STALLS);
    } catch (error) {
      if (error instanceof SyntaxError) return true;
      throw error;
    }
  }

  const chunkQueue: ChunkQueue = {
    add: (jobs) =>
      attempt(async () => {
        await queue.addBulk(jobs.map((data) => ({ name: JOB_NAME, data, opts: { jobId: jobId(data) } })));
      }),
    depth: () => attempt(() => queue.getJobCountByTypes('waiting', 'active', 'delayed', 'prioritized')),
    knows: (ids) =>
      attempt(async () => {
        const states = await Promise.all(ids.map((id) => queue.getJobState(id)));
        const lost = await Promise.all(ids.map((id, index) => isLost(id, states[index] ?? 'unknown')));
        return new Set(ids.filter((_, index) => !lost[index]));
      }),
    remove: (ids) =>
      attempt(async () => {
        await Promise.all(ids.map((id) => queue.remove(id)));
      }),
    removeWhere: (choose) =>
      attempt(async () => {
        for (const state of STATES) {
          for (let from = 0; ; ) {
            const ids = await queue.getRanges([state], from, from + PAGE_JOBS - 1);
            if (ids.length === 0) break;
            const chosen = await choose(ids);
            const removed = await Promise.all(chosen.map((id) => queue.remove(id)));
            // Removed jobs let others move up.
            from += ids.length - removed.filter((count) => count === 1).length;
          }
        }
      }),
    consume: (process, options) => attempt(() => consumeJobs(name, backend, process, { ...options, redelivery, log })),
    obliterate: () => attempt(() => queue.obliterate({ force: true })),
    async close() {
      // Without its service, BullMQ waits for the connection to come back before it closes.
      await within(CLOSE_MS, queue.close()).catch(faults.report);
      faults.end();
      disconnect();
    },
  };
  try {
    await attempt(() => queue.waitUntilReady());
  } catch (error) {
    await chunkQueue.close();
    throw error;
  }
  return chunkQueue;
}
