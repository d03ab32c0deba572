import { missingFeatures } from '../contract/features.ts';
import type { Run, RunProgress } from '../contract/run.ts';
import type { ChunkFaults } from '../store/chunk-faults.ts';
import { type ProducerLife, SILENT_MS, type WorkerLife } from '../store/workers.ts';

/** A run that was made just now has no producer for a moment. */
const YOUNG_MS = 10_000;

/**
 * Why a run does not come to its end by itself.
 * - `paused`: by the user
 * - `not_read`: its source was not read to its end, and no producer reads it
 * - `no_worker`: no worker is alive
 * - `workers_unable`: no worker that is alive can work on it
 * - `chunks_missing`: the ledger lacks chunks that it had
 * - `chunks_failed`: chunks failed, and will be tried again
 */
export interface Trouble {
  readonly code: 'paused' | 'not_read' | 'no_worker' | 'workers_unable' | 'chunks_missing' | 'chunks_failed';
  /** For people, without a command. */
  readonly message: string;
}

/** What is in the way of a run; empty when it comes to its end by itself. */
export function findTrouble(
  run: Pick<Run, 'id' | 'rowsTotal' | 'chunksTotal' | 'requires'>,
  progress: Pick<RunProgress, 'state' | 'chunksQueued' | 'chunksActive' | 'chunksDone'>,
  workers: readonly WorkerLife[],
  producer: ProducerLife | null,
  faults: readonly ChunkFaults[] = [],
  now: Date = new Date(),
): Trouble[] {
  if (progress.state === 'cancelled') return [];
  const found: Trouble[] = [];
  const note = (code: Trouble['code'], message: string): void => {
    found.push({ code, message });
  };
  const missing = (run.chunksTotal ?? 0) - (progress.chunksQueued + progress.chunksActive + progress.chunksDone);
  if (missing > 0) note('chunks_missing', gapReason(missing, run.chunksTotal ?? 0));
  if (progress.state === 'done') return found;
  if (progress.state === 'paused') note('paused', 'it is paused');
  const lost = producer === null || producer.silentMs === null || producer.silentMs > SILENT_MS;
  if (run.rowsTotal === null && lost && (producer?.ageMs ?? YOUNG_MS) >= YOUNG_MS) {
    const who = producer?.producer ?? null;
    const when = producer?.silentMs == null ? 'stopped' : `was last heard of ${seconds(producer.silentMs)} ago`;
    note(
      'not_read',
      `its source was not read to its end, and no producer reads it${who === null ? '' : ` (${who} ${when})`}`,
    );
  }
  if (progress.state === 'paused' || progress.chunksQueued + progress.chunksActive === 0) return found;
  const alive = workers.filter(({ silentMs }) => silentMs <= SILENT_MS);
  const unable = unableWorkers(run, alive);
  if (alive.length === 0) {
    note('no_worker', 'no worker is alive');
  } else if (unable.length === alive.length) {
    const reasons = [...new Set(unable.map(({ reason }) => reason))];
    note('workers_unable', `no worker that is alive gets on with it: ${reasons.join('; ')}`);
  }
  for (const { chunks, reason, lastAt } of faults) {
    const ago = seconds(Math.max(0, now.getTime() - lastAt.getTime()));
    note(
      'chunks_failed',
      `${chunks} chunk${chunks === 1 ? '' : 's'} failed (the last time ${ago} ago), and will be tried again: ${reason}`,
    );
  }
  return found;
}

/** Why rows have no outcome although a run has come to its end. */
function gapReason(missing: number, chunksTotal: number): string {
  return (
    `${missing} of its ${chunksTotal} chunks are no longer in the ledger: they were removed, or Postgres was restored to ` +
    'an earlier moment'
  );
}

/** Workers that are alive and cannot work on this run, with the reason of each. */
export function unableWorkers(
  run: Pick<Run, 'id' | 'requires'>,
  workers: readonly WorkerLife[],
): { readonly worker: string; readonly reason: string }[] {
  return workers
    .filter(({ silentMs }) => silentMs <= SILENT_MS)
    .flatMap(({ name: worker, problem, knows, version }) => {
      if (problem !== null && (problem.runId === run.id || problem.runId === null))
        return [{ worker, reason: problem.message }];
      const missing = missingFeatures(run.requires, knows);
      if (missing.length === 0) return [];
      const which = version === null ? 'an older detoxq' : `detoxq ${version}`;
      return [
        {
          worker,
          reason: `run ${run.id} requires ${missing.join(', ')}, which worker ${worker} (${which}) does not know: upgrade it`,
        },
      ];
    });
}

/** `6400` → `6 s`. */
export function seconds(ms: number): string {
  return `${Math.round(ms / 1000)} s`;
}
