import { hostname } from 'node:os';
import { setTimeout as pause } from 'node:timers/promises';
import { listenForStop } from '../cli/signals.ts';
import { counted } from '../cli/terminal/format.ts';
import { createProgressDisplay } from '../cli/terminal/progress.ts';
import { terminal } from '../cli/terminal/terminal.ts';
import { version } from '../config.ts';
import { DetoxqError, ServiceError } from '../contract/errors.ts';
import type { Run, RunProgress, RunState } from '../contract/run.ts';
import type { RunSettings } from '../contract/settings.ts';
import type { Dataset } from '../producer/dataset.ts';
import { HIGH_WATER_CHUNKS } from '../producer/produce.ts';
import { createReconciler } from '../queue/reconciler.ts';
import { countOpenChunks } from '../store/chunks.ts';
import { readProgress } from '../store/progress.ts';
import { startWorker } from '../worker/worker.ts';
import type { Context } from './context.ts';
import { createDecidedRows } from './decided-rows.ts';
import { type EnginePlace, engineOpener, loadingStep } from './engines.ts';
import { enqueueAll } from './read-all.ts';

const LOOK_EVERY_MS = 250;
/** A restart of Postgres, not an outage: the run can be resumed after one. */
const PATIENCE_MS = 60_000;
/** A shell's code for a command that Ctrl-C ended. */
const INTERRUPTED = 130;

/** A run that this machine sees to its end, from wherever it stands. */
export interface Job {
  readonly settings: RunSettings;
  /** Makes the run, or finds it again; called when the models are loaded. */
  readonly begin: () => Promise<Run>;
  /** What is still to be read; null when the source was read to its end. */
  readonly dataset: Dataset | null;
  readonly place: EnginePlace;
  /** Called with the highest resident memory of an engine process so far, in bytes. */
  readonly onMemory?: (peakBytes: number) => void;
}

/**
 * Enqueues, works, and waits for the run's end. Ctrl-C drains and leaves a run that `resume` continues.
 * @returns the run, and whether it came to its end or how the command must exit
 */
export async function doJob(context: Context, job: Job): Promise<{ run: Run; ended: boolean; exitCode: number }> {
  const { database, config, log } = context;
  const queue = await context.openQueue();
  let ownRun: string | null = null;
  const onlyRun = () => ownRun;
  const worker = await startWorker({
    database,
    queue,
    openEngines: engineOpener(context, job.place, { onMemory: job.onMemory }),
    processes: job.place.processes,
    name: `${hostname()}/${process.pid}`,
    log,
    onlyRun,
    version,
  });
  const mayAdd = () => worker.outdated() === null;
  const reconciler = createReconciler({ database, queue, log, onlyRun, mayAdd });
  const display = createProgressDisplay();
  const decided = createDecidedRows(worker.rows);
  const show = (progress: RunProgress): void => {
    const rows = progress.rowsTotal ?? progress.rowsEnqueued;
    display.update({ ...progress, rowsDone: decided({ rowsDone: progress.rowsDone, rows }) });
  };
  const stop = listenForStop((text) => {
    display.end();
    process.stderr.write(`${text}\n`);
  });
  let drainMs = 0;
  try {
    terminal.step(loadingStep(context, job.settings));
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
    const reading =
      job.dataset === null ? Promise.resolve() : enqueueAll(context, run, job.dataset, ownQueue, stop.signal);
    const requireCurrent = (): void => {
      const outdated = worker.outdated();
      if (outdated === null) return;
      drainMs = config.drainDeadlineMs;
      throw new DetoxqError(
        `${outdated}. The rows that are done are kept; go on with the newer version: ${config.command} resume ${run.id}`,
      );
    };
    const state = await follow(context, run.id, reading, stop.signal, show, requireCurrent);
    if (state === 'cancelled') await reading;
    drainMs = config.drainDeadlineMs;
    if (state !== null) return { run, ended: true, exitCode: 0 };
    await reading;
    await worker.drain(drainMs);
    const { rowsDone } = await readProgress(database, run.id);
    display.end();
    process.stderr.write(
      `Stopped with ${counted(rowsDone, 'row')} done. Go on with: ${config.command} resume ${run.id}\n`,
    );
    return { run, ended: false, exitCode: INTERRUPTED };
  } finally {
    display.end();
    await reconciler.close();
    await worker.drain(drainMs);
    stop.dispose();
  }
}

const ENDED: readonly RunState[] = ['done', 'cancelled'];

/** Shows progress until the run ends; null when the signal came first. Throws what ends the reading. */
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
      if (ENDED.includes(progress.state)) return progress.state;
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
