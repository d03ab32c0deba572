import { setTimeout as pause } from 'node:timers/promises';
import type { ChunkOutcome, Claim, Completion } from '../contract/claim.ts';
import { ServiceError } from '../contract/errors.ts';
import type { Log } from '../contract/log.ts';
import type { SourceRow } from '../contract/row.ts';
import { completeChunks } from '../store/complete.ts';
import type { Connection, Database } from '../store/database.ts';
import { rowRefusal } from '../store/row-refusal.ts';
import type { WorkerProblem } from '../store/workers.ts';
import { createGatherer } from './gather.ts';
import { isolateRefusedRows } from './isolate-write.ts';

/*
 * Writes the results of a chunk to Postgres, and does not lose them while the worker lives:
 *
 *              ┌─── Postgres is away: pause ───┐
 *              ▼                               │
 *   decided ──one guarded statement────────────┴──▶ written, or the claim is no longer ours: nothing written
 *              │ refused three times for a row
 *              ▼
 *   isolated: the rows at fault are row errors `not_storable` ──▶ the same statement again
 *              │ refused, and for no row
 *              ▼
 *   thrown: the chunk is handed back, and its fault is in the ledger
 */

/**
 * Claims and completions that come together share a statement and a commit. For chunks that are decided at once, these cost
 * more than the rows: eight together take half of Postgres's time, and larger statements save no more
 * (docs/decisions/store-figures.md). One statement runs at a time: with two, each would hold half as many chunks.
 */
export const CHUNKS_TOGETHER = { maxItems: 8, maxUnderWay: 1 };

/** Pauses between tries. Computed results are kept as long as the worker lives, so the last pause is repeated. */
const RETRY_MS = [200, 500, 1000, 2000, 4000, 8000, 15_000] as const;
const LONGEST_RETRY_MS = 15_000;
/** Fewer refusals may be due to a constraint or trigger that is being added or removed. */
const REFUSALS_BEFORE_ISOLATION = 3;
/** After so many, the refused rows are others each time. */
const MOST_REFUSALS = 6;

/** The outcome of a chunk, and those of its rows that can be retried, by number. */
export interface Decided {
  readonly outcome: ChunkOutcome;
  readonly sources: ReadonlyMap<number, SourceRow>;
}

export interface ResultWriter {
  /**
   * @returns false when the claim is no longer ours: then nothing was written
   * @throws ServiceError when the worker stops while Postgres is away; DetoxqError when Postgres refuses and no row is at fault
   */
  write(claim: Claim, decided: Decided): Promise<boolean>;
  /** Rows of chunks that are decided and not written yet, and of those that were written. */
  rows(): { writing: number; stored: number };
  /** Results that Postgres does not take now; null when there are none. */
  waiting(): WorkerProblem | null;
}

export interface ResultWriterDependencies {
  readonly database: Database;
  readonly log: Log;
  /** Once it comes, the writer no longer waits for Postgres. */
  readonly stopping: AbortSignal;
}

export function createResultWriter({ database, log, stopping }: ResultWriterDependencies): ResultWriter {
  const complete = (completions: readonly Completion[]) => completeTogether(database, completions);
  const completeFirst = createGatherer(complete, CHUNKS_TOGETHER);
  // Apart, since a retried chunk takes another statement.
  const completeRetried = createGatherer(complete, CHUNKS_TOGETHER);
  const waitingFor = new Map<Claim, string>();

  const tryOnce = async (claim: Claim, { outcome, sources }: Decided, isolate: boolean): Promise<boolean> => {
    const completeOne = claim.retriedRows > 0 ? completeRetried : completeFirst;
    if (!isolate) return completeOne({ claim, outcome });
    const storable = await isolateRefusedRows(database, { claim, outcome }, sources, stopping);
    if (storable === null) return false;
    const rows = storable.errors.length - outcome.errors.length;
    const { runId, chunkNo } = claim;
    log.warn({ runId, chunkNo, rows }, 'Postgres does not store some rows of a chunk: they are row errors');
    return completeOne({ claim, outcome: storable });
  };

  const writePatiently = async (claim: Claim, decided: Decided): Promise<boolean> => {
    const { runId, chunkNo } = claim;
    let refusals = 0;
    for (let tries = 0; ; tries += 1) {
      try {
        return await tryOnce(claim, decided, refusals >= REFUSALS_BEFORE_ISOLATION);
      } catch (error) {
        const refusal = rowRefusal(error);
        if (refusal !== null) refusals += 1;
        if (refusal === null && !(error instanceof ServiceError)) throw error;
        if (stopping.aborted || refusals > MOST_REFUSALS) throw error;
        const waitMs = RETRY_MS[tries] ?? LONGEST_RETRY_MS;
        const reason = refusal ?? (error instanceof Error ? error.message : String(error));
        waitingFor.set(claim, reason);
        log.warn({ runId, chunkNo, waitMs, reason }, 'results cannot be written yet');
        await pause(waitMs, undefined, { signal: stopping }).catch(() => {});
      }
    }
  };

  let writing = 0;
  let stored = 0;
  return {
    async write(claim, decided) {
      const rows = decided.outcome.results.length + decided.outcome.errors.length;
      let written = false;
      writing += rows;
      try {
        written = await writePatiently(claim, decided);
        return written;
      } finally {
        waitingFor.delete(claim);
        writing -= rows;
        if (written) stored += rows;
      }
    },
    rows: () => ({ writing, stored }),
    waiting() {
      const [first] = waitingFor;
      if (first === undefined) return null;
      const [{ runId }, reason] = first;
      const message = `it waits to write the results of ${waitingFor.size} chunk${waitingFor.size === 1 ? '' : 's'}: ${reason}`;
      return { runId, message };
    },
  };
}

/** Where Postgres refuses a statement for several chunks, each chunk is tried alone, so that none fails for another one. */
export async function completeTogether(
  connection: Connection,
  completions: readonly Completion[],
): Promise<readonly (boolean | Error)[]> {
  try {
    return await completeChunks(connection, completions);
  } catch (error) {
    if (completions.length === 1 || error instanceof ServiceError) throw error;
    const settled = await Promise.allSettled(completions.map((each) => completeChunks(connection, [each])));
    return settled.map((each) => (each.status === 'rejected' ? toError(each.reason) : (each.value[0] ?? false)));
  }
}

function toError(reason: unknown): Error {
  return reason instanceof Error ? reason : new Error(String(reason));
}
