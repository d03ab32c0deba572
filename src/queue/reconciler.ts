import type { Log } from '../contract/log.ts';
import { openChunks, readChunks } from '../store/chunks.ts';
import type { Database } from '../store/database.ts';
import { runsNotEnded } from '../store/leftovers.ts';
import { beginReconciling, finishRunIfDone, openRuns } from '../store/runs.ts';
import { clearNoted, sweepQueue } from './clear-leftovers.ts';
import { type ChunkQueue, jobId, jobOf, MOST_JOB_PAYLOAD_BYTES } from './queue.ts';

const EVERY_MS = 10_000;
const LONGEST_PAUSE_MS = 60_000;
/** Chunks compared at a time… */
const PAGE_CHUNKS = 500;
/** …and added at a time: about half a megabyte. */
const CHUNKS_PER_ADD = 16;
/** How often a reconciler looks through the queue for jobs of ended runs that were missed otherwise. */
const SWEEP_EVERY_MS = 60_000;
/** Twice what producers fill a queue to, so that lost chunks find room beside them. */
const FULL_QUEUE = 2_000;

interface ReconcilerDependencies {
  readonly database: Database;
  readonly queue: ChunkQueue;
  readonly log: Log;
  /** Only this run; null: there is no run yet. Default: all open runs. */
  readonly onlyRun?: (() => string | null) | undefined;
  /** False: nothing is compared for now. Default: true. */
  readonly mayAdd?: (() => boolean) | undefined;
  /** Each run is compared this often, by the reconciler that comes first. Default 10 s. */
  readonly everyMs?: number;
}

interface Reconciler {
  /**
   * One pass. It adds jobs for chunks that are open in the ledger and unknown to the queue, and ends runs whose last chunk is
   * done. It skips runs that another reconciler compared just now. Then it removes the jobs of ended runs.
   * @returns how many chunks were added
   */
  reconcile(): Promise<number>;
  /** Starts passes: one at once, then regularly. After a fault, which is logged, the next pass waits longer. */
  start(): void;
  /** Waits for a pass under way. */
  close(): Promise<void>;
}

/**
 * Keeps the queue complete. Chunks lose their jobs when Redis is lost, when a producer dies between ledger and queue, and when
 * a run is resumed. Any number of reconcilers may run: a job is added once only, and a job for a chunk that was just done
 * ends at its claim.
 */
export function createReconciler({
  database,
  queue,
  log,
  onlyRun,
  mayAdd = () => true,
  everyMs = EVERY_MS,
}: ReconcilerDependencies): Reconciler {
  const closing = new AbortController();
  let timer: NodeJS.Timeout | undefined;
  let underWay: Promise<unknown> = Promise.resolve();
  let failures = 0;
  let sweptMs = Number.NEGATIVE_INFINITY;

  async function reconcile(): Promise<number> {
    let added = 0;
    for (const runId of await runsToCompare()) {
      // Half, so that a pass after a whole interval is never slightly too early.
      if (!(await beginReconciling(database, runId, everyMs / 2))) continue;
      added += await reconcileRun(runId);
      await finishRunIfDone(database, runId);
    }
    await clearNoted(database, queue, closing.signal);
    if (performance.now() - sweptMs >= SWEEP_EVERY_MS) {
      await sweepQueue(database, queue);
      sweptMs = performance.now();
    }
    return added;
  }

  async function runsToCompare(): Promise<readonly string[]> {
    if (!mayAdd()) return [];
    if (onlyRun === undefined) return openRuns(database);
    const runId = onlyRun();
    return runId === null ? [] : [runId];
  }

  async function reconcileRun(runId: string): Promise<number> {
    const added: number[] = [];
    let queued = 0;
    for (let after = -1; !closing.signal.aborted; ) {
      const page = await openChunks(database, runId, { after, limit: PAGE_CHUNKS });
      const last = page.at(-1);
      // Chunks of other runs that fill the queue must not keep out those of a run that is worked on alone.
      const full = (onlyRun === undefined ? await queue.depth() : queued) >= FULL_QUEUE;
      if (last === undefined || full) break;
      after = last;
      const known = await queue.knows(page.map((chunkNo) => jobId({ runId, chunkNo })));
      const missing = page.filter((chunkNo) => !known.has(jobId({ runId, chunkNo })));
      added.push(...(await addChunks(runId, missing)));
      queued += page.length;
    }
    if (added.length === 0) return 0;
    log.info({ run: runId, chunks: added.length }, 'added chunks that the queue did not have');
    // The run may have been cancelled, and its jobs removed, after the ledger was read and before jobs were added.
    if ((await runsNotEnded(database, [runId])).has(runId)) return added.length;
    await queue.remove(added.map((chunkNo) => jobId({ runId, chunkNo })));
    return 0;
  }

  /** @returns numbers of those that were added: the others were done meanwhile */
  async function addChunks(runId: string, chunkNos: readonly number[]): Promise<number[]> {
    const added: number[] = [];
    for (let from = 0; from < chunkNos.length; from += CHUNKS_PER_ADD) {
      const chunks = await readChunks(
        database,
        runId,
        chunkNos.slice(from, from + CHUNKS_PER_ADD),
        MOST_JOB_PAYLOAD_BYTES,
      );
      // A job that failed for good in an older version, or that pauses for too long, keeps its name taken.
      await queue.remove(chunks.map(({ chunkNo }) => jobId({ runId, chunkNo })));
      await queue.add(chunks.map((chunk) => jobOf(runId, chunk)));
      added.push(...chunks.map(({ chunkNo }) => chunkNo));
    }
    return added;
  }

  async function pass(): Promise<void> {
    try {
      await reconcile();
      failures = 0;
    } catch (error) {
      failures += 1;
      log.warn(
        { reason: error instanceof Error ? error.message : String(error) },
        'ledger and queue cannot be compared',
      );
    }
    if (closing.signal.aborted) return;
    const pauseMs = Math.max(everyMs, Math.min(LONGEST_PAUSE_MS, everyMs * 2 ** Math.min(failures, 10)));
    timer = setTimeout(next, pauseMs * (0.9 + Math.random() / 5));
  }

  function next(): void {
    underWay = pass();
  }

  return {
    reconcile,
    start: next,
    async close() {
      closing.abort();
      clearTimeout(timer);
      await underWay;
    },
  };
}
