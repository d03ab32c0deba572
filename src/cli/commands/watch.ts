import { setTimeout as pause } from 'node:timers/promises';
import type { Context } from '../../app/context.ts';
import { ServiceError } from '../../contract/errors.ts';
import { OUTCOMES } from '../../contract/outcome.ts';
import type { Run, RunProgress, RunState } from '../../contract/run.ts';
import { findTrouble, seconds, unableWorkers } from '../../report/index.ts';
import { readChunkFaults } from '../../store/chunk-faults.ts';
import { readProgress } from '../../store/progress.ts';
import { getRun } from '../../store/runs.ts';
import { readProducer, readWorkers, SILENT_MS, type WorkerLife } from '../../store/workers.ts';
import { formatCount } from '../../util/format.ts';
import { asCalled } from '../as-called.ts';
import { listenForStop } from '../signals.ts';
import { createProgressDisplay } from '../terminal/progress.ts';
import { terminal } from '../terminal/terminal.ts';
import { clip } from '../terminal/text-width.ts';
import { visible } from '../terminal/visible.ts';

const WATCH_EVERY_MS = 500;
/** A restart of Postgres, not an outage. */
const PATIENCE_MS = 60_000;
const ENDED: readonly RunState[] = ['done', 'cancelled'];

export interface RunLife {
  readonly progress: RunProgress;
  readonly workers: readonly WorkerLife[];
  /** Why it does not come to its end by itself. */
  readonly trouble: readonly string[];
  /** Workers that leave the run to others, and why. */
  readonly unable: readonly { readonly worker: string; readonly reason: string }[];
}

export async function readLife({ database }: Context, run: Run): Promise<RunLife> {
  const progress = await readProgress(database, run.id);
  const workers = await readWorkers(database);
  const { rowsTotal } = progress;
  // The totals come together, when the source was read to its end.
  const chunksTotal = run.chunksTotal ?? (rowsTotal === null ? null : (await getRun(database, run.id)).chunksTotal);
  const producer = await readProducer(database, run.id);
  const faults = await readChunkFaults(database, run.id);
  const trouble = findTrouble({ ...run, rowsTotal, chunksTotal }, progress, workers, producer, faults);
  const unable = ENDED.includes(progress.state) ? [] : unableWorkers(run, workers);
  return { progress, workers, trouble, unable };
}

/** Follows a run until it ends or Ctrl-C: on a terminal a bar with what is below it, elsewhere lines. */
export async function watchRun(context: Context, run: Run): Promise<void> {
  const display = createProgressDisplay();
  const stop = listenForStop(() => {});
  let saidTrouble = '';
  try {
    let seenMs = performance.now();
    for (;;) {
      const life = await readLife(context, run).catch((error: unknown) => {
        if (error instanceof ServiceError && performance.now() - seenMs < PATIENCE_MS) return null;
        throw error;
      });
      if (life === null) {
        if (stop.signal.aborted) break;
        await pause(WATCH_EVERY_MS, undefined, { signal: stop.signal }).catch(() => {});
        continue;
      }
      seenMs = performance.now();
      if (!terminal.redraws) {
        const trouble = life.trouble.map((reason) => `Run ${run.id}: ${visible(asCalled(reason))}\n`).join('');
        if (trouble !== saidTrouble) process.stderr.write(trouble);
        saidTrouble = trouble;
      }
      display.update(life.progress, (columns) => detailLines(life).map((line) => clip(line, columns - 1)));
      if (ENDED.includes(life.progress.state) || stop.signal.aborted) break;
      await pause(WATCH_EVERY_MS, undefined, { signal: stop.signal }).catch(() => {});
    }
  } finally {
    display.end();
    stop.dispose();
  }
}

/** Rows by state, workers with their heartbeat, and what is in the way. */
export function detailLines({ progress, workers, trouble, unable }: RunLife): string[] {
  // What must be seen first: a narrow terminal cuts the end.
  const states = [
    ...(progress.rowErrors > 0 ? [plural(progress.rowErrors, 'row error')] : []),
    ...OUTCOMES.filter((outcome) => progress.outcomes[outcome] > 0).map(
      (outcome) => `${formatCount(progress.outcomes[outcome])} ${outcome}`,
    ),
  ];
  const lines = [
    `Run ${progress.runId} is ${progress.state}`,
    `  rows     ${states.join(', ') || 'none done'}`,
    `  chunks   ${formatCount(progress.chunksDone)} done, ${formatCount(progress.chunksActive)} in work, ${formatCount(progress.chunksQueued)} waiting`,
    ...workers.map(
      (worker) =>
        `  worker   ${visible(worker.name)}, ${plural(worker.chunks, 'chunk')} in work, ` +
        `${worker.silentMs > SILENT_MS ? 'silent for' : 'heard of'} ${seconds(worker.silentMs)}${worker.silentMs > SILENT_MS ? '' : ' ago'}`,
    ),
  ];
  const left = reasonsToLeave({ trouble, unable }).map((reason) => `  left     ${visible(asCalled(reason))}`);
  return [...lines, ...left, ...trouble.map((reason) => `  stuck    ${visible(asCalled(reason))}`)];
}

/** Why some workers leave the run to others, but for what is said as its trouble: that no worker can work on it. */
export function reasonsToLeave({ trouble, unable }: Pick<RunLife, 'trouble' | 'unable'>): string[] {
  const reasons = [...new Set(unable.map(({ reason }) => reason))];
  return reasons.filter((reason) => !trouble.some((said) => said.includes(reason)));
}

function plural(count: number, what: string): string {
  return `${formatCount(count)} ${what}${count === 1 ? '' : 's'}`;
}
