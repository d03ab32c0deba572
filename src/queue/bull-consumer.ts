import { setImmediate as nextTurn } from 'node:timers/promises';
import {
  DelayedError,
  type IQueueBackend,
  type Job,
  type JobJson,
  type JobProgress,
  UnrecoverableError,
  WaitingError,
  Worker,
} from 'bullmq';
import { DetoxqError, describeDefect, ServiceError } from '../contract/errors.ts';
import type { Log } from '../contract/log.ts';
import { type BullBackend, KEY_PREFIX } from './bull-backend.ts';
import { createFaultReporter } from './fault-reporter.ts';
import type { ChunkJob, Consumer, Delivery } from './queue.ts';
import { within } from './within.ts';

/** When the jobs of a silent worker are delivered again. */
export interface Redelivery {
  /** The lock of a job ends after this long without a renewal… */
  readonly lockDurationMs: number;
  /** …and consumers look for such jobs this often. */
  readonly checkEveryMs: number;
}

export const REDELIVERY: Redelivery = { lockDurationMs: 30_000, checkEveryMs: 10_000 };

/** BullMQ does not limit redeliveries: the ledger counts deaths of workers, and isolates chunks that cause them. */
const MAX_STALLED_COUNT = 1_000_000;
const RECONNECT_DELAY_MS = 2_000;
const FIRST_PAUSE_MS = 1_000;
export const LONGEST_PAUSE_MS = 30_000;
/** Connections that take longer to close are cut. */
const CLOSE_MS = 5_000;

type Process = (job: ChunkJob) => Promise<Delivery>;

/** A job whose data is not JSON. BullMQ would deliver it again without end. */
class TolerantWorker<Backend extends IQueueBackend, Connection> extends Worker<
  ChunkJob,
  Delivery,
  string,
  Backend,
  JobProgress,
  Connection
> {
  protected override createJob(json: JobJson, jobId: string): Job<ChunkJob, Delivery, string> {
    try {
      return super.createJob(json, jobId);
    } catch (error) {
      if (!(error instanceof SyntaxError)) throw error;
      return super.createJob({ ...json, data: 'null' }, jobId);
    }
  }
}

export async function consumeJobs<Backend extends IQueueBackend, Connection>(
  name: string,
  backend: BullBackend<Backend, Connection>,
  process: Process,
  {
    concurrency,
    redelivery,
    log,
  }: { readonly concurrency: number; readonly redelivery: Redelivery; readonly log: Log },
): Promise<Consumer> {
  const { connection, disconnect } = await backend.connect('consumer');
  const inWork = new Set<Promise<Delivery>>();
  const faults = createFaultReporter(log, backend.translate);
  let closing = false;

  async function deliver(job: Job<ChunkJob>, token: string | undefined): Promise<Delivery> {
    // A job that was fetched while the consumer began to close.
    if (closing) return handBack(job, token);
    try {
      const delivery = await process(job.data);
      if (delivery === 'again') return await handBack(job, token);
      if (delivery === 'later') return await backend.putLast(job, token);
      return 'done';
    } catch (error) {
      if (error instanceof WaitingError || error instanceof DelayedError) throw error;
      throw storableFault(error);
    }
  }

  const worker = new TolerantWorker<Backend, Connection>(
    name,
    async (job, token) => {
      const delivered = deliver(job, token);
      inWork.add(delivered);
      try {
        return await delivered;
      } finally {
        inWork.delete(delivered);
      }
    },
    {
      connection,
      prefix: KEY_PREFIX,
      autorun: false,
      concurrency,
      lockDuration: redelivery.lockDurationMs,
      stalledInterval: redelivery.checkEveryMs,
      maxStalledCount: MAX_STALLED_COUNT,
      runRetryDelay: RECONNECT_DELAY_MS,
      settings: { backoffStrategy: (attemptsMade) => pauseMs(attemptsMade) },
    },
    backend.factory,
  );
  const breaker = createBreaker(worker);
  worker.on('error', (error) => {
    if (isLostJob(error)) {
      log.info({ reason: error.message }, 'a job was lost or went to another worker; the ledger knows what is done');
      return;
    }
    faults.report(error);
    breaker.trip();
  });
  worker.on('active', breaker.reset);
  worker.on('failed', (job, error) => {
    log.warn({ job: job?.id, reason: error.message }, 'a chunk was not worked off');
  });
  worker.on('stalled', (job) => {
    log.warn({ job }, 'the worker of a chunk fell silent; the chunk is delivered again');
  });

  async function close(deadlineMs: number): Promise<boolean> {
    closing = true;
    breaker.pause();
    const drained = await within(deadlineMs, settled(inWork));
    await within(CLOSE_MS, worker.close(!drained)).catch(faults.report);
    faults.end();
    disconnect();
    return drained;
  }

  try {
    await worker.waitUntilReady();
  } catch (error) {
    await close(0);
    throw error;
  }
  worker.run().catch(faults.report);
  return {
    pause: breaker.pause,
    resume: breaker.resume,
    setConcurrency(jobs) {
      worker.concurrency = jobs;
    },
    close,
  };
}

/** Whether the queue no longer has the job, or has given it to another worker. That is not a fault of the service. */
function isLostJob(error: Error): boolean {
  // BullMQ's scripts refuse with numbers.
  return ('code' in error && typeof error.code === 'number') || error.message.startsWith('could not renew lock');
}

async function handBack(job: Job<ChunkJob>, token: string | undefined): Promise<never> {
  await job.moveToWait(token);
  throw new WaitingError();
}

/** The queue keeps messages of errors, so only those of detoxq may go there: others may quote rows. */
function storableFault(error: unknown): Error {
  if (error instanceof ServiceError) return error;
  if (error instanceof DetoxqError) return new UnrecoverableError(error.message);
  return new Error(describeDefect(error));
}

/**
 * Pauses a worker after a fault, longer each time until a job comes through. BullMQ tries again at once when Redis
 * refuses a command (at its memory limit, for one), which made about 7,000 faults a second.
 */
function createBreaker(worker: { pause(doNotWaitActive: boolean): Promise<void>; resume(): Promise<void> }) {
  let trips = 0;
  let timer: NodeJS.Timeout | undefined;
  let paused = false;

  const resumeWorker = () => {
    timer = undefined;
    if (!paused) void worker.resume();
  };
  return {
    trip() {
      if (timer !== undefined) return;
      trips += 1;
      void worker.pause(true);
      timer = setTimeout(resumeWorker, pauseMs(trips));
    },
    reset() {
      trips = 0;
    },
    pause() {
      paused = true;
      clearTimeout(timer);
      timer = undefined;
      void worker.pause(true);
    },
    resume() {
      paused = false;
      void worker.resume();
    },
  };
}

/** 1 s, 2 s, 4 s, … to 30 s, less up to a half by chance, so that many workers do not come back at the same moment. */
function pauseMs(attempt: number): number {
  const longest = Math.min(LONGEST_PAUSE_MS, FIRST_PAUSE_MS * 2 ** Math.min(attempt - 1, 10));
  return Math.round(longest * (0.5 + Math.random() / 2));
}

async function settled(promises: ReadonlySet<Promise<unknown>>): Promise<void> {
  // One turn of the event loop each time, since a settled promise leaves the set a little later.
  while (promises.size > 0) {
    await Promise.allSettled(promises);
    await nextTurn();
  }
}
