import type { Completion } from '../contract/claim.ts';
import { ServiceError } from '../contract/errors.ts';
import { completeChunks } from '../store/complete.ts';
import type { Connection } from '../store/database.ts';

/**
 * Claims and completions that come together share a statement and a commit, which for chunks that are decided at once cost
 * more than the rows: eight together take half of Postgres's time, and more save no more (docs/decisions/store-figures.md).
 * One statement at a time: of two, each would have half as many.
 */
export const CHUNKS_TOGETHER = { maxItems: 8, maxUnderWay: 1 };

/** Where Postgres refuses what several chunks want to write, each is tried alone: none fails for the fault of another. */
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
