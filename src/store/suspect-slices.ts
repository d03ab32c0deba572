import type { Claim } from '../contract/claim.ts';
import type { Connection } from './database.ts';

/** Consecutive rows of a suspect chunk, by their numbers. */
export interface Slice {
  readonly firstRow: number;
  readonly rowCount: number;
}

/** What the ledger knows of a slice that was tried. */
export interface TriedSlice extends Slice {
  /** Times that a worker started to try it and died. */
  readonly intents: number;
  /** As they were given to `noteSurvived`; null while no worker survived the slice. */
  readonly verdicts: Uint8Array | null;
}

export function readSlices(connection: Connection, claim: Claim): Promise<TriedSlice[]> {
  return connection.query<TriedSlice>(
    `SELECT first_row AS "firstRow", row_count AS "rowCount", intents, verdicts FROM detoxq.suspect_slices
     WHERE run_id = $1 AND chunk_no = $2 ORDER BY first_row, row_count DESC`,
    [claim.runId, claim.chunkNo],
  );
}

/**
 * Commits the intent to try a slice, before it is tried.
 * @returns false when the claim is no longer ours: then it must not be tried
 */
export async function noteIntent(connection: Connection, claim: Claim, slice: Slice): Promise<boolean> {
  const rows = await connection.query(
    `INSERT INTO detoxq.suspect_slices (run_id, chunk_no, first_row, row_count)
     SELECT run_id, chunk_no, $4, $5 FROM detoxq.chunks
     WHERE run_id = $1 AND chunk_no = $2 AND state = 'active' AND claims = $3
     ON CONFLICT (run_id, chunk_no, first_row, row_count) DO UPDATE SET intents = suspect_slices.intents + 1
     RETURNING run_id`,
    [claim.runId, claim.chunkNo, claim.claimNo, slice.firstRow, slice.rowCount],
  );
  return rows.length > 0;
}

/** Takes an intent back: the worker stopped in an orderly way, and did not die of it. */
export async function withdrawIntent(connection: Connection, claim: Claim, slice: Slice): Promise<void> {
  await connection.query(
    `UPDATE detoxq.suspect_slices SET intents = intents - 1
     WHERE run_id = $1 AND chunk_no = $2 AND first_row = $3 AND row_count = $4 AND verdicts IS NULL AND intents > 0`,
    [claim.runId, claim.chunkNo, slice.firstRow, slice.rowCount],
  );
}

/** Keeps the verdicts of a slice, so that it is never tried again. */
export async function noteSurvived(
  connection: Connection,
  claim: Claim,
  slice: Slice,
  verdicts: Uint8Array,
): Promise<void> {
  await connection.query(
    `UPDATE detoxq.suspect_slices SET verdicts = $5
     WHERE run_id = $1 AND chunk_no = $2 AND first_row = $3 AND row_count = $4 AND verdicts IS NULL`,
    [claim.runId, claim.chunkNo, slice.firstRow, slice.rowCount, Buffer.from(verdicts)],
  );
}

/** Forgets the slices of a chunk that is done, also those of a worker that died before it could. */
export async function forgetSlices(connection: Connection, runId: string, chunkNo: number): Promise<void> {
  await connection.query(
    `DELETE FROM detoxq.suspect_slices USING detoxq.chunks
     WHERE suspect_slices.run_id = $1 AND suspect_slices.chunk_no = $2
       AND chunks.run_id = $1 AND chunks.chunk_no = $2 AND chunks.state = 'done'`,
    [runId, chunkNo],
  );
}
