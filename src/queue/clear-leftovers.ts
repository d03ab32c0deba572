import type { Database } from '../store/database.ts';
import { runsNotEnded, runsWithLeftovers, takeLeftovers } from '../store/leftovers.ts';
import { type ChunkQueue, jobId, runOfJob } from './queue.ts';

/** Jobs removed at a time: some milliseconds of Redis, and of a transaction. */
const PAGE_CHUNKS = 1_000;

/**
 * Removes the jobs that were noted of cancelled and deleted runs. It goes by the names of jobs, so that it finds also a job
 * that is on none of the queue's lists. It may end half-way, and several processes may call it at once.
 */
export async function clearNoted(
  database: Database,
  queue: Pick<ChunkQueue, 'remove'>,
  signal?: AbortSignal,
): Promise<void> {
  for (const runId of await runsWithLeftovers(database)) {
    const remove = (chunkNos: readonly number[]) => queue.remove(chunkNos.map((chunkNo) => jobId({ runId, chunkNo })));
    let more = true;
    while (more && !signal?.aborted) more = await takeLeftovers(database, runId, PAGE_CHUNKS, remove);
  }
}

/**
 * Removes the jobs in the queue whose runs are done, cancelled or unknown, however they came there: added by a process
 * that had looked before the run ended, handed back by a worker, or delivered to one that died after its chunk was done.
 * Jobs in work stay.
 */
export function sweepQueue(database: Database, queue: Pick<ChunkQueue, 'removeWhere'>): Promise<void> {
  return queue.removeWhere(async (ids) => {
    const runs = new Map(ids.map((id) => [id, runOfJob(id)]));
    const known = new Set([...runs.values()].filter((run) => run !== null));
    if (known.size === 0) return [];
    const open = await runsNotEnded(database, [...known]);
    return ids.filter((id) => {
      const run = runs.get(id) ?? null;
      return run !== null && !open.has(run);
    });
  });
}
