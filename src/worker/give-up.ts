import { DamagedPayloadError } from '../contract/chunk.ts';
import type { ChunkFault, Claim } from '../contract/claim.ts';
import { DetoxqError, describeDefect } from '../contract/errors.ts';
import type { Log } from '../contract/log.ts';
import type { FailedRow } from '../contract/outcome.ts';
import { type ChunkRow, isRejected, type RowFault } from '../contract/row.ts';
import { readRetriedRows } from '../store/chunk-faults.ts';
import type { Database } from '../store/database.ts';
import { rowsOfChunk } from './chunk-payload.ts';
import { EnginesClosedError } from './engines.ts';

/*
 * A chunk that cannot be worked on must end all the same, since its run could not end otherwise. Its rows become row errors:
 *
 *   tries that failed for a reason in the chunk itself (mostly a defect of detoxq) ── 3 ──▶ `chunk_failed`
 *   deaths of workers that decoded it and did nothing else ── 2 ──▶ `worker_killed`
 *   rows that neither the queue nor the ledger has whole ── at once ──▶ `payload_damaged`
 *
 * A fault of a service, of this worker or of its checkpoints passes or can be mended. Such a chunk is tried until then, and
 * the ledger holds the reason.
 */

const FAULTS_BEFORE_END = 3;
/** A single death may be that of a machine that was switched off. */
const DEATHS_BEFORE_END = 2;

/** Why a chunk is not tried again; null when it is. */
export function reasonToGiveUp({ faults, lastFault, decoding }: Claim): RowFault | null {
  if (decoding >= DEATHS_BEFORE_END) {
    const message = `The worker process died each of the ${decoding} times that it decoded the chunk of this row.`;
    return { stage: 'read', code: 'worker_killed', message };
  }
  if (faults < FAULTS_BEFORE_END) return null;
  const message = `The chunk of this row failed ${faults} times: ${lastFault ?? 'for an unknown reason'}`;
  return { stage: 'engine', code: 'chunk_failed', message };
}

/** What the ledger keeps of a failed try; undefined for a worker that stops. */
export function chunkFault(error: unknown): ChunkFault | undefined {
  if (error instanceof EnginesClosedError) return undefined;
  if (error instanceof DetoxqError) return { message: error.message, counts: false };
  return { message: describeDefect(error), counts: true };
}

export function damagedPayload(error: DamagedPayloadError): RowFault {
  const message = `The rows of its chunk are damaged in the ledger: ${error.message}.`;
  return { stage: 'read', code: 'payload_damaged', message };
}

/** A row error for each row of a chunk that is given up. It holds the row itself, for a retry, where the row can be read. */
export async function rowErrorsOf(
  dependencies: { readonly database: Database; readonly log: Log },
  claim: Claim,
  delivered: Uint8Array,
  fault: RowFault,
): Promise<FailedRow[]> {
  const { firstRow, rowCount, attempts } = claim;
  if (claim.retriedRows > 0) {
    const retried = await readRetriedRows(dependencies.database, claim);
    return retried.map((row) => ({ ...row, ...fault, attempts }));
  }
  const known = await knownRows(dependencies, claim, delivered);
  if (known === null) {
    const rowNos = Array.from({ length: rowCount }, (_, index) => firstRow + index);
    return rowNos.map((rowNo) => ({ rowNo, rowKey: null, ...fault, attempts }));
  }
  return known.map((row) =>
    isRejected(row)
      ? { rowNo: row.rowNo, rowKey: row.rowKey, ...row.fault, attempts: 1 }
      : { rowNo: row.rowNo, rowKey: row.rowKey, ...fault, attempts, source: row },
  );
}

/** The rows of the chunk; null where they cannot be decoded, or must not be. */
async function knownRows(
  dependencies: { readonly database: Database; readonly log: Log },
  claim: Claim,
  delivered: Uint8Array,
): Promise<readonly ChunkRow[] | null> {
  if (claim.decoding > 0) return null;
  try {
    return await rowsOfChunk(dependencies, claim, delivered);
  } catch (error) {
    if (error instanceof DamagedPayloadError) return null;
    throw error;
  }
}
