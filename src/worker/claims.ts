import { setTimeout as pause } from 'node:timers/promises';
import type { ChunkFault, ChunkKey, Claim, ClaimRefusal } from '../contract/claim.ts';
import { ServiceError } from '../contract/errors.ts';
import { claimChunks, releaseChunk } from '../store/chunks.ts';
import type { Database } from '../store/database.ts';
import { createGatherer, type GatherOptions } from './gather.ts';

/*
 * Claims and releases of one worker, in a way that counts attempts right. Each claim counts as an attempt, and a chunk with
 * more than three attempts is suspect, so a lost answer of Postgres must not count. A claim whose answer was lost, or that
 * could not be given back, stays with this worker. When the chunk is delivered to it again, it goes on with that claim.
 */

/** Long enough for a restart of a pooler, or for a cancel. After that, the queue delivers the chunk again later. */
const CLAIM_RETRY_MS = [100, 400, 1_500, 5_000] as const;
/** Shorter, since a worker that stops has only seconds left. If it fails, another worker's claim counts as an attempt. */
const RELEASE_RETRY_MS = [100, 400, 1_000] as const;

export interface Claims {
  /** @throws ServiceError when Postgres did not answer for a while */
  claim(chunk: ChunkKey): Promise<Claim | ClaimRefusal>;
  /** Gives a chunk back unfinished, with the reason. Where Postgres is away, the claim stays with this worker. */
  release(claim: Claim, fault: ChunkFault | undefined): Promise<void>;
}

/** @param knows features of this worker */
export function createClaims(
  database: Database,
  workerName: string,
  knows: readonly string[],
  together: GatherOptions,
): Claims {
  const own = new Map<string, ChunkKey>();

  const claimOne = createGatherer(async (chunks: readonly ChunkKey[]) => {
    const repeated = chunks.map((chunk) => own.has(nameOf(chunk)));
    for (const chunk of chunks) own.set(nameOf(chunk), chunk);
    const claims = await claimChunks(database, chunks, workerName, repeated, knows);
    for (const chunk of chunks) own.delete(nameOf(chunk));
    return claims;
  }, together);

  return {
    claim: (chunk) => insist(() => claimOne(chunk), CLAIM_RETRY_MS),
    async release(claim, fault) {
      try {
        await insist(() => releaseChunk(database, claim, fault), RELEASE_RETRY_MS);
      } catch {
        own.set(nameOf(claim), claim);
      }
    },
  };
}

async function insist<T>(work: () => Promise<T>, retryMs: readonly number[]): Promise<T> {
  for (const waitMs of retryMs) {
    try {
      return await work();
    } catch (error) {
      if (!(error instanceof ServiceError)) throw error;
      await pause(waitMs);
    }
  }
  return work();
}

function nameOf({ runId, chunkNo }: ChunkKey): string {
  return `${runId}-${chunkNo}`;
}
