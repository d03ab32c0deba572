import { DatasetError } from '../contract/errors.ts';
import type { Run } from '../contract/run.ts';
import type { Dataset } from '../producer/dataset.ts';
import { type Produced, produce } from '../producer/produce.ts';
import { checkSourceUnchanged } from '../producer/source.ts';
import { type ChunkJob, type ChunkQueue, jobId } from '../queue/queue.ts';
import { appendChunks, ledgerEnd } from '../store/chunks.ts';
import { runsNotEnded } from '../store/leftovers.ts';
import { finishEnqueue } from '../store/runs.ts';
import type { Context } from './context.ts';
import { followRun } from './follow-run.ts';

/** Reads a dataset into the ledger and the queue of a run, from where the ledger ends, and tells what was odd in it. */
export async function enqueueAll(
  { database, emit }: Context,
  run: Run,
  dataset: Dataset,
  queue: Pick<ChunkQueue, 'add' | 'depth' | 'remove'>,
  signal: AbortSignal,
): Promise<Produced> {
  const { chunkRows } = run.source.options;
  const user = await followRun({ database, emit }, run.id, signal);
  let lastAdded: readonly ChunkJob[] = [];
  const produced = await produce({
    dataset,
    runId: run.id,
    queue: {
      async add(jobs) {
        lastAdded = jobs;
        await queue.add(jobs);
      },
      depth: () => queue.depth(),
    },
    gate: user.whilePaused,
    ledger: {
      appendChunks: (chunks) => appendChunks(database, run.id, chunks),
      finishEnqueue: async (totals) => {
        await requireUnchanged(run);
        return finishEnqueue(database, run.id, totals);
      },
    },
    chunkRows: typeof chunkRows === 'number' ? chunkRows : undefined,
    resumeFrom: await ledgerEnd(database, run.id),
    signal: user.signal,
    onProgress: (progress) => emit({ type: 'enqueueing', run: run.id, progress }),
  })
    .finally(user.stop)
    .finally(async () => {
      // The run may have been cancelled, and its jobs removed, before the last ones were added. The ledger takes no more then.
      const open = await runsNotEnded(database, [run.id]).catch(() => null);
      // Where the queue is away, workers find them.
      if (open?.size === 0) await queue.remove(lastAdded.map(jobId)).catch(() => {});
    })
    .catch((error: unknown) => {
      // The ledger refuses a cancelled run, too, perhaps sooner.
      user.throwIfCancelled();
      throw error;
    });
  user.throwIfCancelled();
  for (const [code, rows] of Object.entries(produced.rejected))
    emit({ type: 'rows-rejected', run: run.id, code, rows });
  if (produced.blank > 0) emit({ type: 'rows-blank', run: run.id, rows: produced.blank });
  return produced;
}

/** Rows of two versions of a file must not be one run. */
async function requireUnchanged({ id, source }: Run): Promise<void> {
  const files = source.files.filter((file) => file.sizeBytes !== null);
  await checkSourceUnchanged({ ...source, files }).catch((error: unknown) => {
    if (!(error instanceof DatasetError)) throw error;
    throw new DatasetError(`The source changed while it was read; run ${id} stays unfinished. ${error.message}`, {
      cause: error,
    });
  });
}
