import { hostname } from 'node:os';
import { version } from '../config.ts';
import { deviceName } from '../contract/device.ts';
import { ServiceError } from '../contract/errors.ts';
import { createReconciler } from '../queue/reconciler.ts';
import { readProgress } from '../store/progress.ts';
import { openRuns } from '../store/runs.ts';
import { startWorker } from '../worker/worker.ts';
import type { Context } from './context.ts';
import { type EnginePlace, engineOpener } from './engines.ts';

/** A worker of this process: it takes chunks of every run from the queue until it is stopped. */
export interface RunningWorker extends AsyncDisposable {
  /** In the ledger, and in `status`. */
  readonly name: string;
  /** Whether no chunk of any run waits or is in work. False also while Postgres or Redis are away. */
  isIdle(): Promise<boolean>;
  /**
   * Takes no new chunks, finishes those in work within `deadlineMs` (default: `DETOXQ_DRAIN_SECONDS`), and hands the rest
   * back. Called again, it waits for the same end.
   *
   * @returns whether everything in work was finished
   */
  stop(deadlineMs?: number): Promise<boolean>;
}

/** Starts a worker, with a reconciler beside it. It opens checkpoints of runs in allowed folders alone. */
export async function startRunningWorker(context: Context, place: EnginePlace): Promise<RunningWorker> {
  const { database, log, config, checkpoints } = context;
  const { processes } = place;
  const queue = await context.openQueue();
  const name = `${hostname()}/${process.pid}`;
  const openEngines = engineOpener(context, { place, find: checkpoints.findAllowed });
  const worker = await startWorker({ database, queue, openEngines, processes, name, log, version });
  // A newer schema may keep rows in another form.
  const mayAdd = () => worker.outdated() === null;
  const reconciler = createReconciler({ database, queue, log, mayAdd });
  reconciler.start();
  log.info({ worker: name, processes, device: deviceName(place.device) }, 'worker is ready');
  let stopping: Promise<boolean> | undefined;
  const end = async (deadlineMs: number): Promise<boolean> => {
    await reconciler.close();
    const finished = await worker.drain(deadlineMs);
    log.info({ worker: name, finished }, finished ? 'worker has finished what it had' : 'worker handed chunks back');
    return finished;
  };
  const stop = (deadlineMs = config.drainDeadlineMs): Promise<boolean> => {
    stopping ??= end(deadlineMs);
    return stopping;
  };
  return {
    name,
    stop,
    async isIdle() {
      try {
        if ((await queue.depth()) > 0) return false;
        for (const runId of await openRuns(database)) {
          const { chunksQueued, chunksActive } = await readProgress(database, runId);
          if (chunksQueued + chunksActive > 0) return false;
        }
        return true;
      } catch (error) {
        if (error instanceof ServiceError) return false;
        throw error;
      }
    },
    async [Symbol.asyncDispose]() {
      await stop();
    },
  };
}
