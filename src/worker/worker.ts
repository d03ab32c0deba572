import { setTimeout as sleep } from 'node:timers/promises';
import { CheckpointError, ServiceError, UnsupportedRunError, UsageError } from '../contract/errors.ts';
import { KNOWN_FEATURES } from '../contract/features.ts';
import type { Log } from '../contract/log.ts';
import { type RunSettings, settingsHash } from '../contract/settings.ts';
import { type ChunkJob, type ChunkQueue, type Consumer, jobId } from '../queue/queue.ts';
import type { Database } from '../store/database.ts';
import { isRunId } from '../store/runs.ts';
import { createChunkWork } from './chunk-work.ts';
import { createChunksInWork } from './chunks-in-work.ts';
import { type Engines, EnginesClosedError } from './engines.ts';
import { createEnginesBySettings } from './engines-by-settings.ts';
import { startHeartbeat } from './heartbeat.ts';
import { createSupportedRuns } from './supported-runs.ts';

/** Chunks in work for one engine process, before its groups have been timed: rows for two while others are written and claimed. */
const CHUNKS_PER_PROCESS = 4;
/** The most that is of use where they are settled at once: two groups of rows, and as many again that are claimed or written. */
const MOST_CHUNKS_PER_PROCESS = 32;
/** So much longer than the drain deadline may handing chunks back take. */
const HAND_BACK_MS = 5_000;
/** How long a worker of one run holds a job of another that it has seen before: a job of its own waits that long at most. */
const TURN_PAUSE_MS = 200;

export interface WorkerDependencies {
  readonly database: Database;
  readonly queue: ChunkQueue;
  /** Opens the engines for the settings of a run. */
  readonly openEngines: (settings: RunSettings) => Engines;
  /** Engine processes that `openEngines` starts. */
  readonly processes: number;
  /** For the ledger: who has a claim. */
  readonly name: string;
  readonly log: Log;
  /** Works on chunks of this run alone; null: of none yet. Default: whatever the queue has. */
  readonly onlyRun?: (() => string | null) | undefined;
  /** Of detoxq, for `status`. */
  readonly version?: string | undefined;
  /** Runs that require other features are left to other workers. Default: what this version knows. */
  readonly knows?: readonly string[] | undefined;
}

/** Rows that a worker has decided since it started, by how far they are. */
export interface WorkerRows {
  /** Their chunk waits for others. */
  readonly decided: number;
  readonly writing: number;
  readonly stored: number;
}

export interface Worker {
  /** Loads the models of these settings, so that what is wrong with them is known before any row is taken. */
  prepare(settings: RunSettings): Promise<void>;
  rows(): WorkerRows;
  /** Why it takes no more chunks: the schema has become newer than this version knows. Null: it does. */
  outdated(): string | null;
  /**
   * Stops in order: takes no new chunks, finishes those in work, lets go of the engines. After `deadlineMs`, chunks that
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

  /** Puts the job of a run last that this worker does not know. While nothing else comes, one at a time is held. */
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
        // Our own stop is no fault of the chunk: whoever comes next may have it at once.
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
        // Engines that end reject the chunks in work, which are then handed back.
        void engines.close();
      }, deadlineMs);
      // The queue waits a little longer than the engines have, so that chunks can be handed back in an orderly way.
      const drained = await consumer.close(deadlineMs + HAND_BACK_MS);
      clearTimeout(deadline);
      await engines.close();
      await heartbeat.stop();
      return drained && !handBack.signal.aborted;
    },
  };
}

/** What a queue holds may be damaged: it is no more than a word that there is something to do. */
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
 * Jobs of other runs that were put last. They are passed over as fast as they come until one comes round again with no
 * job of ours in between: then there is nothing to find for a moment.
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
