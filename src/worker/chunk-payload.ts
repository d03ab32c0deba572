import { DamagedPayloadError, unpackRows } from '../contract/chunk.ts';
import type { Claim } from '../contract/claim.ts';
import { ServiceError } from '../contract/errors.ts';
import type { Log } from '../contract/log.ts';
import type { ChunkRow } from '../contract/row.ts';
import { readRetriedSources } from '../store/chunk-faults.ts';
import { payloadDigest, readChunks } from '../store/chunks.ts';
import type { Database } from '../store/database.ts';

/*
 * Where the rows of a claimed chunk come from. A queue may lose, damage or exchange payloads. The ledger holds the digest of
 * the right one.
 *
 *   the job's payload ──its digest is the ledger's──▶ rows
 *        │ another digest; no payload, since it is large; or the chunk is retried
 *        ▼
 *   the ledger's payload ──its digest is the ledger's, and it can be decoded──▶ rows
 *        │ damaged
 *        ▼
 *   of a retried chunk: the rows that its row errors hold; else DamagedPayloadError
 */

/**
 * @param delivered the payload of the job; empty where the rows were too many for it
 * @throws DamagedPayloadError when neither the queue nor the ledger has the rows; ServiceError when the chunk is done
 *   meanwhile, or Postgres is away
 */
export async function rowsOfChunk(
  { database, log }: { readonly database: Database; readonly log: Log },
  claim: Claim,
  delivered: Uint8Array,
): Promise<readonly ChunkRow[]> {
  const { runId, chunkNo, retriedRows } = claim;
  // A job that was added before the retry holds rows that are settled.
  if (retriedRows === 0 && delivered.length > 0) {
    if (isOfLedger(claim, delivered)) return rowsOf(claim, delivered);
    log.warn(
      { runId, chunkNo },
      'the queue holds other rows for a chunk than the ledger: those of the ledger are used',
    );
  }
  const [chunk] = await readChunks(database, runId, [chunkNo]);
  if (chunk?.payload == null) {
    throw new ServiceError(`run ${runId}, chunk ${chunkNo}: settled by another worker meanwhile`);
  }
  try {
    if (!isOfLedger(claim, chunk.payload)) throw new DamagedPayloadError('its sha256 is not the one that was noted');
    return rowsOf(claim, chunk.payload);
  } catch (error) {
    if (!(error instanceof DamagedPayloadError)) throw error;
    log.warn({ runId, chunkNo, reason: error.message }, 'the rows of a chunk are damaged in the ledger');
    if (retriedRows > 0) return readRetriedSources(database, claim);
    throw error;
  }
}

function isOfLedger(claim: Claim, payload: Uint8Array): boolean {
  return payloadDigest(payload).equals(claim.payloadDigest);
}

function rowsOf({ firstRow, rowCount, retriedRows }: Claim, payload: Uint8Array): ChunkRow[] {
  const rows = unpackRows(payload);
  const isOurs =
    retriedRows > 0
      ? rows.length === retriedRows && rows.every(({ rowNo }) => rowNo >= firstRow && rowNo < firstRow + rowCount)
      : rows.length === rowCount && rows.every(({ rowNo }, at) => rowNo === firstRow + at);
  if (!isOurs) throw new DamagedPayloadError('its rows are not those of the chunk');
  return rows;
}
