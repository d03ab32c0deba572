import { hostname } from 'node:os';
import { setTimeout as pause } from 'node:timers/promises';
import { version } from '../config.ts';
import { DetoxqError, ServiceError } from '../contract/errors.ts';
import type { Run, RunProgress, RunState } from '../contract/run.ts';
import type { RunSettings } from '../contract/settings.ts';
import type { Dataset } from '../producer/dataset.ts';
import { HIGH_WATER_CHUNKS } from '../producer/produce.ts';
import { createReconciler } from '../queue/reconciler.ts';
import { countOpenChunks } from '../store/chunks.ts';
import { readProgress } from '../store/progress.ts';
import { startWorker, type WorkerRows } from '../worker/worker.ts';
import { among, type RunModels } from './checkpoints.ts';
import type { Context } from './context.ts';
import { type EnginePlace, engineOpener, sayLoading } from './engines.ts';
import { enqueueAll } from './enqueue.ts';
import { hasEnded } from './run-life.ts';

const LOOK_EVERY_MS = 250;
/** A restart of Postgres, not an outage: the run can be resumed after one. */
const PATIENCE_MS = 60_000;

/** A run that this process sees to its end, from wherever it stands. */
export interface Job {
  readonly settings: RunSettings;
  readonly models: RunModels;
  /** Makes the run, or finds it again; called when the models are loaded. */
  readonly begin: () => Promise<Run>;
  /** What is still to be read; null when the source was read to its end. */
  readonly dataset: Dataset | null;
  readonly place: EnginePlace;
  /** Stops in order: what is in work is finished or handed back, and the run can be resumed. */
  readonly signal: AbortSignal;
  /** Called several times per second. */
  readonly onProgress: (progress: RunProgress) => void;
  /** Called with the highest resident memory of an engine process so far, in bytes. */
  readonly onMemory?: ((peakBytes: number) => void) | undefined;
}

export interface JobEnd {
  readonly run: Run;
  /** False where the signal stopped it: the run can be resumed. */
  readonly ended: boolean;
  /** Rows that are done, by the ledger. */
  readonly rowsDone: number;
}

/** Enqueues, works, and waits for the end of the run. It works on this run alone. */
export async function doJob(context: Context, job: Job): Promise<JobEnd> {
  const { database, config, log } = context;
  const { signal } = job;
  const queue = await context.openQueue();
  let ownRun: string | null = null;
  const onlyRun = () => ownRun;
  const worker = await startWorker({
    database,
    queue,
    openEngines: engineOpener(context, { place: job.place, find: among(job.models), onMemory: job.onMemory }),
    processes: job.place.processes,
    name: `${hostname()}/${process.pid}`,
    log,
    onlyRun,
    version,
  });
  const mayAdd = () => worker.outdated() === null;
  const reconciler = createReconciler({ database, queue, log, onlyRun, mayAdd });
  const decided = createDecidedRows(worker.rows);
  const show = (progress: RunProgress): void => {
    const rows = progress.rowsTotal ?? progress.rowsEnqueued;
    job.onProgress({ ...progress, rowsDone: decided({ rowsDone: progress.rowsDone, rows }) });
  };
  let drainMs = 0;
  try {
    sayLoading(context, job.settings);
    await worker.prepare(job.settings);
    const run = await job.begin();
    ownRun = run.id;
    reconciler.start();
    // What other runs have in the queue must not keep the producer waiting: no worker here takes it away.
    const ownQueue = {
      add: queue.add,
      remove: queue.remove,
      depth: () => countOpenChunks(database, run.id, HIGH_WATER_CHUNKS),
    };
    const reading = job.dataset === null ? Promise.resolve() : enqueueAll(context, run, job.dataset, ownQueue, signal);
    const requireCurrent = (): void => {
      const outdated = worker.outdated();
      if (outdated === null) return;
      drainMs = config.drainDeadlineMs;
      throw new DetoxqError(`${outdated}. The rows that are done are kept; go on with the newer version`, {
        code: 'version_outdated',
        data: { run: run.id },
      });
    };
    const state = await follow(context, run.id, reading, signal, show, requireCurrent);
    if (state === 'cancelled') await reading;
    drainMs = config.drainDeadlineMs;
    if (state === null) {
      await reading;
      await worker.drain(drainMs);
    }
    return { run, ended: state !== null, rowsDone: (await readProgress(database, run.id)).rowsDone };
  } finally {
    await reconciler.close();
    await worker.drain(drainMs);
  }
}

/** Tells the progress until the run ends; null when the signal came first. Throws what ends the reading. */
async function follow(
  { database }: Context,
  runId: string,
  reading: Promise<unknown>,
  signal: AbortSignal,
  show: (progress: RunProgress) => void,
  requireCurrent: () => void,
): Promise<RunState | null> {
  let readingFailed: { error: unknown } | undefined;
  reading.catch((error: unknown) => {
    readingFailed = { error };
  });
  let seenMs = performance.now();
  while (!signal.aborted) {
    try {
      const progress = await readProgress(database, runId);
      seenMs = performance.now();
      show(progress);
      if (hasEnded(progress)) return progress.state;
    } catch (error) {
      // Postgres may be restarting: the worker waits for it, too.
      if (!(error instanceof ServiceError) || performance.now() - seenMs > PATIENCE_MS) throw error;
    }
    if (readingFailed !== undefined) throw readingFailed.error;
    requireCurrent();
    await pause(LOOK_EVERY_MS, undefined, { signal }).catch(() => {});
  }
  return null;
}

/**
 * How many rows of a run are decided, by the ledger and by what the worker of this process has that the ledger does not
 * know yet. It goes up only, and is never more than what was decided: what the ledger got from this worker is not counted
 * twice, although it is read a little before or after the worker knows that it is written.
 *
 * @param rows of the worker, which works on this run alone
 */
export function createDecidedRows(rows: () => WorkerRows): (ledger: { rowsDone: number; rows: number }) => number {
  let others = 0;
  let shown = 0;
  return ({ rowsDone, rows: all }) => {
    const { decided, writing, stored } = rows();
    // At least so many are from other workers, or from before.
    others = Math.max(others, rowsDone - stored - writing);
    shown = Math.max(shown, Math.min(all, others + stored + writing + decided));
    return shown;
  };
}
