import { createHash } from 'node:crypto';
import type { ChunkFault, ChunkKey, Claim, ClaimRefusal } from '../contract/claim.ts';
import { DatasetError, UsageError } from '../contract/errors.ts';
import { KNOWN_FEATURES } from '../contract/features.ts';
import { storableText } from '../contract/row.ts';
import type { RunState } from '../contract/run.ts';
import { bytesArray } from './binary-array.ts';
import type { Connection } from './database.ts';
import { getRun } from './runs.ts';

/*
 * The states of a chunk in the ledger:
 *
 *   appendChunks           claimChunks             completeChunks
 *   ────────────▶ queued ─────────────▶ active ─────────────────▶ done
 *                   ▲                    │  ▲ │
 *                   └──── releaseChunk ──┘  └─┘ claimChunks
 *                        (shutdown)             (redelivery: the new claim takes over)
 *
 *   done ── reopenRowErrors ──▶ queued, with those of its rows that are row errors and can be tried again: `retrying`.
 *
 * Every claim has a number, one higher than the last (a fencing token). Only the newest claim may complete or release the
 * chunk. A worker with an older claim, which was thought dead, changes nothing.
 */

interface NewChunk {
  readonly chunkNo: number;
  /** `rowNo` of the first row. */
  readonly firstRow: number;
  readonly rowCount: number;
  /** The rows as `packRows` gives them. */
  readonly payload: Uint8Array;
  /** Characters of all that its rows carry, about. A worker plans its memory by it. */
  readonly unpackedChars?: number;
}

/** A chunk of the ledger that is not done. */
interface LedgerChunk extends Pick<NewChunk, 'chunkNo' | 'firstRow' | 'rowCount'> {
  /** Null where it is longer than the given limit. */
  readonly payload: Uint8Array | null;
}

/**
 * Puts chunks into the ledger, in one statement. Chunks that are there already stay as they are, so that a new producer can
 * go on where `ledgerEnd` says after one died.
 *
 * @throws DatasetError when a chunk is there with other rows; UsageError when the run takes no more chunks
 */
export async function appendChunks(connection: Connection, runId: string, chunks: readonly NewChunk[]): Promise<void> {
  if (chunks.length === 0) return;
  const numbers = chunks.map((chunk) => chunk.chunkNo);
  const firstRows = chunks.map((chunk) => chunk.firstRow);
  const rowCounts = chunks.map((chunk) => chunk.rowCount);
  const appended = await connection.query(
    `WITH given AS (
       SELECT * FROM unnest($2::integer[], $3::bigint[], $4::integer[], $5::bytea[], $6::bytea[], $7::integer[])
         AS chunk (chunk_no, first_row, row_count, payload, payload_digest, unpacked_bytes)
     )
     INSERT INTO detoxq.chunks (run_id, chunk_no, first_row, row_count, payload, payload_digest, unpacked_bytes)
     SELECT runs.id, given.*
     FROM detoxq.runs, given
     WHERE runs.id = $1 AND runs.state IN ('enqueueing', 'paused')
       AND NOT EXISTS (
         SELECT FROM detoxq.chunks JOIN given USING (chunk_no)
         WHERE chunks.run_id = $1 AND (chunks.first_row, chunks.row_count) <> (given.first_row, given.row_count)
       )
     ON CONFLICT (run_id, chunk_no) DO NOTHING
     RETURNING chunk_no`,
    [
      runId,
      numbers,
      firstRows,
      rowCounts,
      bytesArray(chunks.map(({ payload }) => payload)),
      bytesArray(chunks.map(({ payload }) => payloadDigest(payload))),
      chunks.map(({ unpackedChars }) => unpackedChars ?? null),
    ],
  );
  if (appended.length === chunks.length) return;
  const same = await connection.query(
    `SELECT chunk_no
     FROM detoxq.chunks JOIN unnest($2::integer[], $3::bigint[], $4::integer[]) AS chunk (chunk_no, first_row, row_count)
       USING (chunk_no, first_row, row_count)
     WHERE run_id = $1`,
    [runId, numbers, firstRows, rowCounts],
  );
  if (same.length === chunks.length) return;
  const { state } = await getRun(connection, runId);
  if (state !== 'enqueueing' && state !== 'paused') {
    throw new UsageError(`run ${runId} is ${state} and takes no more chunks`);
  }
  throw new DatasetError(
    `run ${runId}: chunks ${numbers[0]} to ${numbers.at(-1)} are in the ledger with other rows: ` +
      'the source changed, or was cut into chunks of another size; start a new run',
  );
}

/** How much of a source is in the ledger without a gap: the next chunk to append, and its first row. */
export async function ledgerEnd(connection: Connection, runId: string): Promise<{ chunks: number; rows: number }> {
  const [end] = await connection.query<{ chunks: number; rows: number }>(
    `SELECT count(*) AS chunks, coalesce(sum(row_count), 0)::bigint AS rows
     FROM (
       SELECT chunk_no, row_count, row_number() OVER (ORDER BY chunk_no) - 1 AS position
       FROM detoxq.chunks WHERE run_id = $1
     ) AS numbered
     WHERE chunk_no = position`,
    [runId],
  );
  if (end === undefined) throw new Error('a query over all chunks gave no row');
  return end;
}

/** Chunks of detoxq 0.1 have no digest. */
const DIGEST = 'coalesce(payload_digest, sha256(payload))';
/** Deflated JSON of comments has a third of its size. Payloads that are packed tighter are seldom large. */
const UNPACKED_BYTES = 'coalesce(unpacked_bytes, least(10::bigint * octet_length(payload), 67108864)::integer)';

/** In `SET`: whether this worker repeats a claim that still holds. Then its number stays the same. */
const REPEATED = "given.repeated AND chunks.state = 'active' AND chunks.worker = $3";
const NEXT_CLAIM = `chunks.claims + CASE WHEN ${REPEATED} THEN 0 ELSE 1 END`;

/**
 * Takes chunks to work on them, even if another worker has one: the queue delivers a chunk again only when it considers that
 * worker dead. All are claimed in one statement; one commit per chunk would cost as much as the rest of the store's work.
 *
 * @param worker name for the ledger
 * @param repeated per chunk: whether `worker` may hold it by a claim whose answer was lost, or that it could not give back.
 *   That claim is given again, and no attempt is counted. Default: false for all.
 * @param known features of the worker
 */
export async function claimChunks(
  connection: Connection,
  chunks: readonly ChunkKey[],
  worker: string,
  repeated: readonly boolean[] = [],
  known: readonly string[] = KNOWN_FEATURES,
): Promise<(Claim | ClaimRefusal)[]> {
  const claims = new Map<number, Claim | ClaimRefusal>();
  let repeats = true;
  for (;;) {
    const left = [...chunks.keys()].filter((at) => !claims.has(at));
    if (left.length === 0) return chunks.flatMap((_, at) => claims.get(at) ?? []);
    const keys = left.flatMap((at) => chunks[at] ?? []);
    const values = [keys.map(({ runId }) => runId), keys.map(({ chunkNo }) => chunkNo)];
    const claimed = await connection.query<Claim & { position: number }>(
      `UPDATE detoxq.chunks SET state = 'active', claims = ${NEXT_CLAIM}, checked_claim = ${NEXT_CLAIM},
         attempts = attempts + CASE WHEN ${REPEATED} THEN 0 ELSE 1 END, worker = $3,
         decoding = CASE WHEN ${REPEATED} THEN 0 ELSE decoding END,
         claimed_at = CASE WHEN retrying = 0 THEN now() ELSE claimed_at END
       FROM unnest($1::text[], $2::integer[], $4::boolean[]) WITH ORDINALITY
           AS given (run_id, chunk_no, repeated, position)
         JOIN detoxq.runs ON runs.id = given.run_id
       WHERE chunks.run_id = given.run_id AND chunks.chunk_no = given.chunk_no AND chunks.state <> 'done'
         AND runs.state IN ('enqueueing', 'running') AND runs.requires <@ $5::text[]
       RETURNING position, chunks.run_id AS "runId", chunks.chunk_no AS "chunkNo", claims AS "claimNo", attempts,
         first_row AS "firstRow", row_count AS "rowCount", retrying AS "retriedRows", faults, last_fault AS "lastFault", decoding,
         ${DIGEST} AS "payloadDigest", ${UNPACKED_BYTES} AS "unpackedBytes"`,
      [...values, worker, left.map((at) => repeats && (repeated[at] ?? false)), known],
    );
    // A chunk that is asked for twice at once is claimed twice, with two numbers.
    repeats = false;
    for (const { position, ...claim } of claimed) claims.set(left[position - 1] ?? -1, claim);
    if (claimed.length === left.length) continue;
    const found = await connection.query<FoundChunk & { position: number }>(
      `SELECT position, runs.state AS "runState", chunks.state AS "chunkState", runs.requires <@ $3::text[] AS supported
       FROM unnest($1::text[], $2::integer[]) WITH ORDINALITY AS given (run_id, chunk_no, position)
         LEFT JOIN detoxq.chunks ON chunks.run_id = given.run_id AND chunks.chunk_no = given.chunk_no
         LEFT JOIN detoxq.runs ON runs.id = chunks.run_id`,
      [...values, known],
    );
    for (const { position, ...chunk } of found) {
      const at = left[position - 1] ?? -1;
      if (claims.has(at)) continue;
      const refusal = refusalOf(chunk);
      if (refusal !== null) claims.set(at, refusal);
    }
  }
}

interface FoundChunk {
  readonly runState: RunState | null;
  readonly chunkState: string | null;
  readonly supported: boolean | null;
}

/** Null when the chunk can be claimed: a release or a change of the user came in between, or it was asked for twice. Then it is tried again. */
function refusalOf({ runState, chunkState, supported }: FoundChunk): ClaimRefusal | null {
  if (runState === null || chunkState === null) return 'unknown';
  if (chunkState === 'done') return 'done';
  if (runState !== 'enqueueing' && runState !== 'running') return runState;
  return supported === false ? 'unsupported' : null;
}

/**
 * Gives a chunk back unfinished, in an orderly way. The attempt does not count, and neither does the decoding of its rows,
 * since the worker survived it.
 * @param fault why it is given back; left out for a worker that stops
 * @returns false when the claim is no longer ours
 */
export async function releaseChunk(connection: Connection, claim: Claim, fault?: ChunkFault): Promise<boolean> {
  const rows = await connection.query(
    `UPDATE detoxq.chunks SET state = 'queued', attempts = attempts - 1, decoding = 0, worker = NULL, faults = faults + $4,
       last_fault = coalesce($5, last_fault), last_fault_at = CASE WHEN $5 IS NULL THEN last_fault_at ELSE now() END
     WHERE run_id = $1 AND chunk_no = $2 AND state = 'active' AND claims = $3
     RETURNING chunk_no`,
    [claim.runId, claim.chunkNo, claim.claimNo, fault?.counts ? 1 : 0, fault && storableText(fault.message)],
  );
  return rows.length > 0;
}

/**
 * Numbers of the chunks of a run that are not done, in order, a page at a time.
 * @param after the last number of the page before; -1 at the start
 */
export async function openChunks(
  connection: Connection,
  runId: string,
  page: { readonly after: number; readonly limit: number },
): Promise<number[]> {
  const rows = await connection.query<{ chunkNo: number }>(
    `SELECT chunk_no AS "chunkNo" FROM detoxq.chunks
     WHERE run_id = $1 AND chunk_no > $2 AND state <> 'done' ORDER BY chunk_no LIMIT $3`,
    [runId, page.after, page.limit],
  );
  return rows.map((row) => row.chunkNo);
}

/** How many chunks of a run are not done; `atMost` where there are more. */
export async function countOpenChunks(connection: Connection, runId: string, atMost: number): Promise<number> {
  const [open] = await connection.query<{ chunks: number }>(
    `SELECT count(*) AS chunks FROM (SELECT FROM detoxq.chunks WHERE run_id = $1 AND state <> 'done' LIMIT $2) AS open`,
    [runId, atMost],
  );
  return open?.chunks ?? 0;
}

/**
 * Chunks with their rows, as they were appended. Those that are done are left out: theirs are gone.
 * @param mostBytes a longer payload is null; without it, each is read whatever its size
 */
export function readChunks(
  connection: Connection,
  runId: string,
  chunkNos: readonly number[],
  mostBytes?: number,
): Promise<LedgerChunk[]> {
  return connection.query<LedgerChunk>(
    `SELECT chunk_no AS "chunkNo", first_row AS "firstRow", row_count AS "rowCount",
       CASE WHEN octet_length(payload) <= coalesce($3, octet_length(payload)) THEN payload END AS payload
     FROM detoxq.chunks WHERE run_id = $1 AND chunk_no = ANY ($2) AND payload IS NOT NULL ORDER BY chunk_no`,
    [runId, chunkNos, mostBytes ?? null],
  );
}

/** The digest by which the ledger knows a payload. */
export function payloadDigest(payload: Uint8Array): Buffer {
  return createHash('sha256').update(payload).digest();
}
