import { type IQueueBackend, Queue } from 'bullmq';
import type { Log } from '../contract/log.ts';
import { type BullBackend, KEY_PREFIX } from './bull-backend.ts';
import { consumeJobs, LONGEST_PAUSE_MS, REDELIVERY, type Redelivery } from './bull-consumer.ts';
import { createFaultReporter } from './fault-reporter.ts';
import { type ChunkJob, type ChunkQueue, type Delivery, jobId } from './queue.ts';
import { within } from './within.ts';

const JOB_NAME = 'chunk';
/** Times that the worker of a job may fall silent before the job is made anew; the ledger counts what the chunk is to blame for. */
const MOST_STALLS = 3;

const JOB_OPTIONS = {
  // Nothing of a row stays in the queue: the ledger has the rows that are still to be done.
  removeOnComplete: true,
  removeOnFail: true,
  // Faults that pass are tried until they have passed; the ledger counts what matters, the attempts of a chunk.
  attempts: 1_000_000,
  backoff: { type: 'custom' },
  stackTraceLimit: 1,
};

/** Where jobs may be. The queue keeps none that are completed or failed; an older version kept failed ones. */
const STATES = ['waiting', 'prioritized', 'delayed', 'active', 'failed', 'completed'] as const;
/** Names of jobs in one answer: about 15 kB. */
const PAGE_JOBS = 1_000;

/** How long connections may take to close before they are cut. */
const CLOSE_MS = 5_000;
/** Entries kept in the stream of events, which no one here reads. */
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

  /** Whether the job of an open chunk brings no more delivery, or none that comes to its end. */
  async function isLost(id: string, state: string): Promise<boolean> {
    // Completed ones are removed, unless the queue lost the word that they should be.
    if (state === 'unknown' || state === 'failed' || state === 'completed') return true;
    if (state !== 'delayed' && state !== 'active') return false;
    try {
      const job = await queue.getJob(id);
      if (job === undefined) return true;
      // A worker whose clock was ahead made it pause until a time that is far away by ours.
      if (state === 'delayed') return (job.processedOn ?? 0) - Date.now() > 2 * LONGEST_PAUSE_MS;
      // BullMQ cannot give out a job that is damaged, and takes that for a silent worker; a count that is damaged is no number.
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
            // Those that went let others move up.
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
