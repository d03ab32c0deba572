import { missingFeatures } from '../contract/features.ts';
import type { Run, RunProgress } from '../contract/run.ts';
import type { ChunkFaults } from '../store/chunk-faults.ts';
import { type ProducerLife, SILENT_MS, type WorkerLife } from '../store/workers.ts';

/** A run that was made just now has no producer for a moment. */
const YOUNG_MS = 10_000;

/** Why a run does not come to its end by itself, with what to do; empty when nothing is in its way. */
export function findTrouble(
  run: Pick<Run, 'id' | 'rowsTotal' | 'chunksTotal' | 'requires'>,
  progress: Pick<RunProgress, 'state' | 'chunksQueued' | 'chunksActive' | 'chunksDone'>,
  workers: readonly WorkerLife[],
  producer: ProducerLife | null,
  faults: readonly ChunkFaults[] = [],
  now: Date = new Date(),
): string[] {
  if (progress.state === 'cancelled') return [];
  const found: string[] = [];
  const missing = (run.chunksTotal ?? 0) - (progress.chunksQueued + progress.chunksActive + progress.chunksDone);
  if (missing > 0) found.push(gapReason(run.id, missing, run.chunksTotal ?? 0));
  if (progress.state === 'done') return found;
  if (progress.state === 'paused') found.push(`it is paused; go on: detoxq resume ${run.id} --detach`);
  const lost = producer === null || producer.silentMs === null || producer.silentMs > SILENT_MS;
  if (run.rowsTotal === null && lost && (producer?.ageMs ?? YOUNG_MS) >= YOUNG_MS) {
    const who = producer?.producer ?? null;
    const when = producer?.silentMs == null ? 'stopped' : `was last heard of ${seconds(producer.silentMs)} ago`;
    found.push(
      `its source was not read to its end, and no one is reading it${who === null ? '' : ` (${who} ${when})`}; ` +
        `go on: detoxq resume ${run.id}`,
    );
  }
  if (progress.state === 'paused' || progress.chunksQueued + progress.chunksActive === 0) return found;
  const alive = workers.filter(({ silentMs }) => silentMs <= SILENT_MS);
  const unable = unableWorkers(run, alive);
  if (alive.length === 0) {
    found.push(
      `no worker is alive; start one: detoxq worker (with the same DATABASE_URL, DETOXQ_SCHEMA, REDIS_URL and DETOXQ_QUEUE as the producer), or work on it here: detoxq resume ${run.id}`,
    );
  } else if (unable.length === alive.length) {
    const reasons = [...new Set(unable.map(({ reason }) => reason))];
    found.push(`no worker that is alive gets on with it: ${reasons.join('; ')}`);
  }
  for (const { chunks, reason, lastAt } of faults) {
    const ago = seconds(Math.max(0, now.getTime() - lastAt.getTime()));
    found.push(
      `${chunks} chunk${chunks === 1 ? '' : 's'} failed (the last time ${ago} ago), and will be tried again: ${reason}`,
    );
  }
  return found;
}

/** Why rows have no outcome although a run has come to its end, and what helps. */
export function gapReason(runId: string, missing: number, chunksTotal: number): string {
  return (
    `${missing} of its ${chunksTotal} chunks are no longer in the ledger: someone removed them, or Postgres was restored to ` +
    `an earlier moment; to read these rows again: detoxq resume ${runId}, or begin a new run where the source is gone`
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
