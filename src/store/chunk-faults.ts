import type { Claim } from '../contract/claim.ts';
import type { SourceRow } from '../contract/row.ts';
import type { Connection } from './database.ts';

/*
 * What the ledger keeps of chunks that are not done at the first try: why they failed, whether their workers survived
 * decoding them, and the rows that are retried.
 */

/**
 * Commits that the rows of a suspect chunk are about to be decoded. A worker that does not survive it leaves the count.
 * @returns false when the claim is no longer ours
 */
export async function noteDecoding(connection: Connection, claim: Claim): Promise<boolean> {
  const rows = await connection.query(
    `UPDATE detoxq.chunks SET decoding = decoding + 1
     WHERE run_id = $1 AND chunk_no = $2 AND state = 'active' AND claims = $3 RETURNING chunk_no`,
    [claim.runId, claim.chunkNo, claim.claimNo],
  );
  return rows.length > 0;
}

/** Takes that note back: the worker survived the decoding. */
export async function noteDecoded(connection: Connection, claim: Claim): Promise<void> {
  await connection.query(
    `UPDATE detoxq.chunks SET decoding = 0
     WHERE run_id = $1 AND chunk_no = $2 AND state = 'active' AND claims = $3`,
    [claim.runId, claim.chunkNo, claim.claimNo],
  );
}

/** Why the open chunks of a run failed when they were last tried: the most frequent reasons first. */
export interface ChunkFaults {
  readonly reason: string;
  readonly chunks: number;
  readonly lastAt: Date;
}

/** Most reasons that a list shows. */
const REASONS_SHOWN = 3;

export function readChunkFaults(connection: Connection, runId: string): Promise<ChunkFaults[]> {
  return connection.query<ChunkFaults>(
    `SELECT last_fault AS reason, count(*) AS chunks, max(last_fault_at) AS "lastAt"
     FROM detoxq.chunks WHERE run_id = $1 AND state <> 'done' AND last_fault IS NOT NULL
     GROUP BY last_fault ORDER BY count(*) DESC, last_fault LIMIT ${REASONS_SHOWN}`,
    [runId],
  );
}

/** The rows of a chunk that are being retried, as their row errors hold them. */
export async function readRetriedSources(connection: Connection, claim: Claim): Promise<SourceRow[]> {
  const rows = await connection.query<{ source: SourceRow }>(
    `SELECT source FROM detoxq.row_errors
     WHERE run_id = $1 AND row_no BETWEEN $2 AND $2 + $3 - 1 AND source IS NOT NULL ORDER BY row_no`,
    [claim.runId, claim.firstRow, claim.rowCount],
  );
  return rows.map(({ source }) => source);
}

/**
 * The rows of a chunk that are retried, by number and key. Their texts are left out: their row errors hold these already, and
 * workers may have died of reading them.
 */
export function readRetriedRows(
  connection: Connection,
  claim: Claim,
): Promise<{ readonly rowNo: number; readonly rowKey: string | null }[]> {
  return connection.query(
    `SELECT row_no AS "rowNo", row_key AS "rowKey" FROM detoxq.row_errors
     WHERE run_id = $1 AND row_no BETWEEN $2 AND $2 + $3 - 1 AND source IS NOT NULL ORDER BY row_no`,
    [claim.runId, claim.firstRow, claim.rowCount],
  );
}
