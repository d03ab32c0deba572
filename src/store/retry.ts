import { charsOfRow, packRows } from '../contract/chunk.ts';
import { UsageError } from '../contract/errors.ts';
import type { SourceRow } from '../contract/row.ts';
import { payloadDigest } from './chunks.ts';
import type { Connection, Database } from './database.ts';
import { patientDatabase } from './patience.ts';
import { getRun } from './runs.ts';

/** Chunks that are reopened in one transaction. It bounds the text in memory, to about a megabyte per chunk. */
const CHUNKS_PER_PAGE = 4;

interface Reopened {
  /** Row errors that will be tried again, and the chunks they are in. */
  readonly rows: number;
  readonly chunks: number;
}

/**
 * Row errors of a run by what a retry can do about them.
 * - `retryable`: the row is kept with its error
 * - `unreadable`: the row could not be read, or was not kept; only reading the source again helps
 */
export async function countRowErrors(
  connection: Connection,
  runId: string,
): Promise<{ readonly retryable: number; readonly unreadable: number }> {
  const [counts] = await connection.query<{ retryable: number; unreadable: number }>(
    `SELECT count(*) FILTER (WHERE source IS NOT NULL) AS retryable,
       count(*) FILTER (WHERE source IS NULL) AS unreadable
     FROM detoxq.row_errors WHERE run_id = $1`,
    [runId],
  );
  if (counts === undefined) throw new Error('a count gave no row');
  return counts;
}

/**
 * Puts the row errors that can be tried again back to work: their chunks are queued again with just these rows, and the
 * run, if it was done, is running. The errors stay where they are until a result takes their place, in one statement
 * (`completeChunks`), so that at every moment each row has exactly one of both.
 *
 * Chunks that are queued or in work stay as they are. Calls at the same time do no harm, and neither does one that died
 * half-way.
 *
 * @throws UsageError when the run is cancelled
 */
export async function reopenRowErrors(database: Database, runId: string): Promise<Reopened> {
  let rows = 0;
  let chunks = 0;
  for (let after = -1; ; ) {
    const page = await patientDatabase(database).transaction((connection) => reopenPage(connection, runId, after));
    for (const { count } of page) rows += count;
    chunks += page.length;
    const last = page.at(-1);
    if (last === undefined) return { rows, chunks };
    after = last.chunkNo;
  }
}

interface OpenableRow {
  readonly chunkNo: number;
  readonly source: SourceRow;
}

async function reopenPage(
  connection: Connection,
  runId: string,
  after: number,
): Promise<{ chunkNo: number; count: number }[]> {
  // The lock on the run first: it must not end between the look at its chunks and their change.
  const [run] = await connection.query<{ state: string }>('SELECT state FROM detoxq.runs WHERE id = $1 FOR UPDATE', [
    runId,
  ]);
  if (run === undefined) await getRun(connection, runId);
  if (run?.state === 'cancelled') {
    throw new UsageError(`run ${runId} is cancelled: its row errors stay as they are; begin a new run`);
  }
  const rows = await connection.query<OpenableRow>(
    `WITH page AS (
       SELECT chunk_no, first_row, row_count FROM detoxq.chunks
       WHERE run_id = $1 AND chunk_no > $2 AND state = 'done' AND row_errors > 0
         AND EXISTS (
           SELECT FROM detoxq.row_errors
           WHERE run_id = $1 AND row_no BETWEEN first_row AND first_row + row_count - 1 AND source IS NOT NULL
         )
       ORDER BY chunk_no LIMIT ${CHUNKS_PER_PAGE}
       FOR UPDATE
     )
     SELECT chunk_no AS "chunkNo", source
     FROM page JOIN detoxq.row_errors ON row_no BETWEEN first_row AND first_row + row_count - 1
     WHERE run_id = $1 AND source IS NOT NULL
     ORDER BY row_no`,
    [runId, after],
  );
  const byChunk = new Map<number, SourceRow[]>();
  for (const { chunkNo, source } of rows) byChunk.set(chunkNo, [...(byChunk.get(chunkNo) ?? []), source]);
  if (byChunk.size === 0) return [];
  const page = [...byChunk].map(([chunkNo, sources]) => ({
    chunkNo,
    count: sources.length,
    payload: packRows(sources),
    bytes: sources.reduce((sum, row) => sum + charsOfRow(row), 0),
  }));
  await connection.query(
    `UPDATE detoxq.chunks SET state = 'queued', attempts = 0, faults = 0, worker = NULL, retrying = retried.rows,
       payload = retried.payload, payload_digest = retried.digest, unpacked_bytes = retried.bytes, decoding = 0
     FROM unnest($2::integer[], $3::integer[], $4::bytea[], $5::bytea[], $6::integer[])
       AS retried (chunk_no, rows, payload, digest, bytes)
     WHERE run_id = $1 AND chunks.chunk_no = retried.chunk_no`,
    [
      runId,
      page.map((chunk) => chunk.chunkNo),
      page.map((chunk) => chunk.count),
      page.map((chunk) => chunk.payload),
      page.map(({ payload }) => payloadDigest(payload)),
      page.map(({ bytes }) => bytes),
    ],
  );
  await connection.query(
    "UPDATE detoxq.runs SET state = 'running', finished_at = NULL WHERE id = $1 AND state = 'done'",
    [runId],
  );
  return page;
}
