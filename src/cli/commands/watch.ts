import { setTimeout as pause } from 'node:timers/promises';
import type { Context } from '../../app/context.ts';
import { hasEnded, type RunLife, readLife } from '../../app/run-life.ts';
import { ServiceError } from '../../contract/errors.ts';
import { OUTCOMES } from '../../contract/outcome.ts';
import type { Run } from '../../contract/run.ts';
import { seconds } from '../../report/index.ts';
import { SILENT_MS } from '../../store/workers.ts';
import { formatCount } from '../../util/format.ts';
import { troubleLines } from '../advice.ts';
import { asCalled } from '../as-called.ts';
import { listenForStop } from '../signals.ts';
import { createProgressDisplay } from '../terminal/progress.ts';
import { terminal } from '../terminal/terminal.ts';
import { clip } from '../terminal/text-width.ts';
import { visible } from '../terminal/visible.ts';

const WATCH_EVERY_MS = 500;
/** A restart of Postgres, not an outage. */
const PATIENCE_MS = 60_000;

/** Follows a run until it ends or Ctrl-C: on a terminal a bar with what is below it, elsewhere lines. */
export async function watchRun(context: Context, run: Run): Promise<void> {
  const display = createProgressDisplay();
  const stop = listenForStop(() => {});
  let saidTrouble = '';
  try {
    let seenMs = performance.now();
    for (;;) {
      const life = await readLife(context.database, run).catch((error: unknown) => {
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
        const trouble = troubleLines(run.id, life.trouble)
          .map((reason) => `Run ${run.id}: ${visible(asCalled(reason))}\n`)
          .join('');
        if (trouble !== saidTrouble) process.stderr.write(trouble);
        saidTrouble = trouble;
      }
      display.update(life.progress, (columns) => detailLines(life).map((line) => clip(line, columns - 1)));
      if (hasEnded(life.progress) || stop.signal.aborted) break;
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
  return [
    ...lines,
    ...left,
    ...troubleLines(progress.runId, trouble).map((reason) => `  stuck    ${visible(asCalled(reason))}`),
  ];
}

/** Why some workers leave the run to others, but for what is said as its trouble: that no worker can work on it. */
export function reasonsToLeave({ trouble, unable }: Pick<RunLife, 'trouble' | 'unable'>): string[] {
  const reasons = [...new Set(unable.map(({ reason }) => reason))];
  return reasons.filter((reason) => !trouble.some(({ message }) => message.includes(reason)));
}

function plural(count: number, what: string): string {
  return `${formatCount(count)} ${what}${count === 1 ? '' : 's'}`;
}
