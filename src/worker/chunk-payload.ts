import { unpackRows } from '../contract/chunk.ts';
import { ServiceError } from '../contract/errors.ts';
import type { ChunkRow } from '../contract/row.ts';
import { type Claim, readChunks } from '../store/chunks.ts';
import type { Connection } from '../store/pool.ts';

/**
 * The rows of a claimed chunk. Those that the job holds, unless they are damaged or of other rows, or the chunk is retried:
 * a job from before that has rows that are settled. Then the ledger's own.
 *
 * @throws ServiceError when another worker settled the chunk meanwhile; Error when the ledger's copy is damaged, too
 */
export async function readChunkRows(connection: Connection, claim: Claim, delivered: Uint8Array): Promise<ChunkRow[]> {
  const { runId, chunkNo, retrying } = claim;
  const rows = retrying === 0 ? rowsOf(claim, delivered) : null;
  if (rows !== null) return rows;
  const [chunk] = await readChunks(connection, runId, [chunkNo]);
  if (chunk === undefined)
    throw new ServiceError(`run ${runId}, chunk ${chunkNo}: settled by another worker meanwhile`);
  if (retrying > 0) return unpackRows(chunk.payload);
  const own = rowsOf(claim, chunk.payload);
  if (own === null) throw new Error(`run ${runId}, chunk ${chunkNo}: its rows in the ledger are damaged`);
  return own;
}

/** Null where they cannot be decoded, or are not those of the chunk. */
function rowsOf({ firstRow, rowCount }: Claim, payload: Uint8Array): ChunkRow[] | null {
  try {
    const rows = unpackRows(payload);
    return rows.length === rowCount && rows.every(({ rowNo }, index) => rowNo === firstRow + index) ? rows : null;
  } catch {
    return null;
  }
}
