import { setTimeout as sleep } from 'node:timers/promises';
import { CheckpointError, ServiceError, UnsupportedRunError, UsageError } from '../contract/errors.ts';
import { KNOWN_FEATURES, knownSettings } from '../contract/features.ts';
import type { Log } from '../contract/log.ts';
import { type RunSettings, settingsHash } from '../contract/settings.ts';
import { type ChunkJob, type ChunkQueue, type Consumer, jobId } from '../queue/queue.ts';
import type { Database } from '../store/database.ts';
import { getRun, isRunId } from '../store/runs.ts';
import { createChunkWork } from './chunk-work.ts';
import { type Engines, EnginesClosedError } from './engines.ts';
import { createEnginesBySettings } from './engines-by-settings.ts';
import { startHeartbeat } from './heartbeat.ts';

/** Chunks in work per engine process before groups were timed: rows for two groups, while other chunks are claimed and written. */
const CHUNKS_PER_PROCESS = 4;
/** More are of no use, even where chunks are settled at once: two groups of rows, and as many chunks again that are claimed or written. */
const MOST_CHUNKS_PER_PROCESS = 32;
/** Where a chunk is settled in less, the worker takes one more at a time. */
const QUICK_MS = 500;
/** Time to hand chunks back after the drain deadline. */
const HAND_BACK_MS = 5_000;
/** How long a worker of one run holds a job of another run that it has seen before. A job of its own run waits at most that long. */
const TURN_PAUSE_MS = 200;

export interface WorkerDependencies {
  readonly database: Database;
  readonly queue: ChunkQueue;
  /** Opens the engines for the settings of a run. */
  readonly openEngines: (settings: RunSettings) => Engines;
  /** Engine processes that `openEngines` starts. */
  readonly processes: number;
  /** Name of this worker in the ledger. */
  readonly name: string;
  readonly log: Log;
  /** Works on chunks of this run alone; null: there is no run yet. Default: on all chunks of the queue. */
  readonly onlyRun?: (() => string | null) | undefined;
  /** Version of detoxq, for `status`. */
  readonly version?: string | undefined;
  /** Features of this worker. Runs that require others are left to other workers. Default: those of this version. */
  readonly knows?: readonly string[] | undefined;
}

/** Rows that a worker has decided since it started, by stage. */
export interface WorkerRows {
  /** Other rows of their chunk have no verdict yet. */
  readonly decided: number;
  readonly writing: number;
  readonly stored: number;
}

export interface Worker {
  /** Loads the models of these settings, so that a fault of theirs is known before any row is taken. */
  prepare(settings: RunSettings): Promise<void>;
  rows(): WorkerRows;
  /** Why the worker takes no more chunks: the schema has become newer than this version. Null while it takes chunks. */
  outdated(): string | null;
  /**
   * Stops in order: takes no new chunks, finishes those in work, and closes the engines. After `deadlineMs`, chunks that
   * are still in work go back to the ledger and the queue, for another worker.
   *
   * @returns whether everything in work was finished
   */
  drain(deadlineMs: number): Promise<boolean>;
}

/** Takes chunks from the queue until it is drained. */
export async function startWorker(dependencies: WorkerDependencies): Promise<Worker> {
  const { database, queue, openEngines, processes, name, log, onlyRun, version, knows = KNOWN_FEATURES } = dependencies;
  const who = `worker ${name}${version === undefined ? '' : ` (detoxq ${version})`}`;
  const engines = createEnginesBySettings(openEngines);
  const handBack = new AbortController();
  const work = createChunkWork({ database, engines, workerName: name, who, knows, log, stopping: handBack.signal });
  let inWork = 0;
  let outdated: string | null = null;
  let started: Consumer | undefined;
  const heartbeat = startHeartbeat(database, {
    ...{ name, who, knows, version: version ?? null },
    chunksInWork: () => inWork,
    waiting: work.waiting,
    onOutdated(message) {
      outdated = message;
      if (message === null) {
        log.info({ worker: name }, 'the schema is no longer newer than this worker: it takes chunks again');
        started?.resume();
      } else {
        log.warn({ worker: name, reason: message }, 'this worker takes no more chunks');
        started?.pause();
      }
    },
  });

  const fewest = CHUNKS_PER_PROCESS * processes;
  const chunksInWork = createChunksInWork({ fewest, most: MOST_CHUNKS_PER_PROCESS * processes });
  const others = createPassedOver();
  const supported = createSupportedRuns(database, who, knows);
  const unsupported = createPassedOver();
  const leftToOthers = new Set<string>();
  let passing = false;

  /** Puts a job of a run that this worker does not know behind all others. While nothing else comes, it holds one at a time. */
  const leaveToOthers = async (job: ChunkJob, reason: string): Promise<'later'> => {
    heartbeat.failed(job.runId, reason);
    if (!leftToOthers.has(job.runId)) log.warn({ runId: job.runId, reason }, 'this worker leaves a run to others');
    leftToOthers.add(job.runId);
    if (!passing) started?.setConcurrency(1);
    passing = true;
    await unsupported.pass(job);
    return 'later';
  };
  const findAgain = (): void => {
    unsupported.forget();
    if (passing) started?.setConcurrency(fewest);
    passing = false;
  };

  const consumer: Consumer = await queue.consume(
    async (job) => {
      if (outdated !== null) return 'again';
      if (!isJob(job)) {
        log.warn({}, 'a job of the queue names no chunk, and is dropped; the ledger knows which chunks are open');
        return 'done';
      }
      if (onlyRun !== undefined) {
        if (job.runId !== onlyRun()) {
          await others.pass(job);
          return 'later';
        }
        others.forget();
      }
      const reason = await supported.reasonAgainst(job.runId);
      if (reason !== null) return leaveToOthers(job, reason);
      findAgain();
      const chunk = { runId: job.runId, chunkNo: job.chunkNo, payload: payloadOf(job) };
      const startedMs = performance.now();
      inWork += 1;
      try {
        await work.settle(chunk);
        heartbeat.settled(job.runId);
        consumer.setConcurrency(chunksInWork.afterSettled(performance.now() - startedMs, engines.callsWanted()));
        return 'done';
      } catch (error) {
        if (error instanceof UnsupportedRunError) return leaveToOthers(job, error.message);
        if (error instanceof CheckpointError || error instanceof UsageError) heartbeat.failed(job.runId, error.message);
        // A stop of this worker is not a fault of the chunk: another worker may have it at once.
        const isOurStop = error instanceof EnginesClosedError || error instanceof ServiceError;
        if (handBack.signal.aborted && isOurStop) return 'again';
        throw error;
      } finally {
        inWork -= 1;
      }
    },
    { concurrency: fewest },
  );
  started = consumer;
  if (outdated !== null) consumer.pause();

  return {
    outdated: () => outdated,
    rows: () => ({ decided: engines.decidedRows(), ...work.rows() }),
    async prepare(settings) {
      await engines.use(settingsHash(settings), settings, (held) => held.ready);
    },
    async drain(deadlineMs) {
      const deadline = setTimeout(() => {
        handBack.abort();
        // Closed engines reject the chunks in work, which are then handed back.
        void engines.close();
      }, deadlineMs);
      // The queue waits a little longer than the engines, so that chunks can be handed back in an orderly way.
      const drained = await consumer.close(deadlineMs + HAND_BACK_MS);
      clearTimeout(deadline);
      await engines.close();
      await heartbeat.stop();
      return drained && !handBack.signal.aborted;
    },
  };
}

/** A queue may hold damaged jobs. A job only says that a chunk may have work; the ledger says which. */
function isJob(job: unknown): job is Pick<ChunkJob, 'runId' | 'chunkNo'> {
  if (typeof job !== 'object' || job === null || !('runId' in job) || !('chunkNo' in job)) return false;
  const { runId, chunkNo } = job;
  return (
    isRunId(runId) && typeof chunkNo === 'number' && chunkNo >= 0 && chunkNo < 2 ** 31 && Number.isInteger(chunkNo)
  );
}

function payloadOf(job: object): Uint8Array {
  return 'payload' in job && typeof job.payload === 'string' ? Buffer.from(job.payload, 'base64') : new Uint8Array(0);
}

/**
 * Jobs of other runs that were put behind all others. They are passed over as fast as they come, until one comes again
 * without a job of this run in between. Then the queue has no such job now, and the worker pauses.
 */
function createPassedOver() {
  const passed = new Set<string>();
  return {
    async pass(job: ChunkJob): Promise<void> {
      const id = jobId(job);
      if (passed.has(id)) await sleep(TURN_PAUSE_MS);
      passed.add(id);
    },
    forget(): void {
      passed.clear();
    },
  };
}

interface ChunksInWork {
  /**
   * How many chunks to have in work, after one was settled `ms` after its delivery.
   *
   * @param filling chunks that fill the engines
   */
  afterSettled(ms: number, filling: number): number;
}

/**
 * How many chunks a worker has in work: those that fill its engines. Where chunks are settled at once (duplicates, blank
 * texts, very small models), it takes up to half a second's work, so that claims and completions share statements. More
 * would only be kept from other workers.
 */
export function createChunksInWork({ fewest, most }: { readonly fewest: number; readonly most: number }): ChunksInWork {
  let wanted = fewest;
  return {
    afterSettled(ms, filling) {
      const least = Math.max(fewest, filling);
      wanted = Math.max(least, Math.min(most, wanted + (ms < QUICK_MS ? 1 : -1)));
      return wanted;
    },
  };
}

interface SupportedRuns {
  /** Why this worker leaves the run to others; null when it does not. Read once per run, since the answer never changes. */
  reasonAgainst(runId: string): Promise<string | null>;
}

/**
 * Asked before a chunk is claimed, so that runs of newer versions cost no claims. The claim itself checks the features of
 * the run, too.
 * @param who this worker, for messages
 */
function createSupportedRuns(database: Database, who: string, known: readonly string[]): SupportedRuns {
  const reasons = new Map<string, Promise<string | null>>();
  const look = async (runId: string): Promise<string | null> => {
    try {
      knownSettings(await getRun(database, runId), who, known);
      return null;
    } catch (error) {
      if (error instanceof UnsupportedRunError) return error.message;
      // The run was deleted: the claim of its chunk says so.
      if (error instanceof UsageError) return null;
      throw error;
    }
  };
  return {
    reasonAgainst(runId) {
      const seen = reasons.get(runId);
      if (seen !== undefined) return seen;
      const looking = look(runId);
      reasons.set(runId, looking);
      looking.catch(() => reasons.delete(runId));
      return looking;
    },
  };
}
