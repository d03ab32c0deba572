import type { ChunkKey, ChunkOutcome, Claim, ClaimRefusal } from '../../src/contract/claim.ts';
import { claimChunks } from '../../src/store/chunks.ts';
import { completeChunks } from '../../src/store/complete.ts';
import type { Connection } from '../../src/store/database.ts';

/** `claimChunks` for one chunk. */
export async function claimChunk(
  connection: Connection,
  { worker, ...chunk }: ChunkKey & { readonly worker: string },
): Promise<Claim | ClaimRefusal> {
  const [claim] = await claimChunks(connection, [chunk], worker);
  if (claim === undefined) throw new Error('a claim of one chunk gave none');
  return claim;
}

/** `completeChunks` for one chunk. */
export async function completeChunk(connection: Connection, claim: Claim, outcome: ChunkOutcome): Promise<boolean> {
  const [written = false] = await completeChunks(connection, [{ claim, outcome }]);
  return written;
}
