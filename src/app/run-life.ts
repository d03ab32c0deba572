import type { Run, RunProgress } from '../contract/run.ts';
import { findTrouble, type Trouble, unableWorkers } from '../report/index.ts';
import { readChunkFaults } from '../store/chunk-faults.ts';
import type { Connection } from '../store/database.ts';
import { readProgress } from '../store/progress.ts';
import { getRun } from '../store/runs.ts';
import { readProducer, readWorkers, type WorkerLife } from '../store/workers.ts';

/** Whether a run changes no more by itself. */
export function hasEnded({ state }: Pick<RunProgress, 'state'>): boolean {
  return state === 'done' || state === 'cancelled';
}

export interface RunLife {
  readonly progress: RunProgress;
  readonly workers: readonly WorkerLife[];
  /** Why it does not come to its end by itself. */
  readonly trouble: readonly Trouble[];
  /** Workers that leave the run to others, and why. */
  readonly unable: readonly { readonly worker: string; readonly reason: string }[];
}

/** How far a run is, who works on it, and what is in its way. */
export async function readLife(database: Connection, run: Run): Promise<RunLife> {
  const progress = await readProgress(database, run.id);
  const workers = await readWorkers(database);
  const { rowsTotal } = progress;
  // The totals come together, when the source was read to its end.
  const chunksTotal = run.chunksTotal ?? (rowsTotal === null ? null : (await getRun(database, run.id)).chunksTotal);
  const producer = await readProducer(database, run.id);
  const faults = await readChunkFaults(database, run.id);
  const trouble = findTrouble({ ...run, rowsTotal, chunksTotal }, progress, workers, producer, faults);
  const unable = hasEnded(progress) ? [] : unableWorkers(run, workers);
  return { progress, workers, trouble, unable };
}
