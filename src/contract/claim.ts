import type { FailedRow, RowResult } from './outcome.ts';

/** A chunk of a run, by its number. */
export interface ChunkKey {
  readonly runId: string;
  readonly chunkNo: number;
}

/** The right of one worker to complete a chunk, until another worker claims it. */
export interface Claim extends ChunkKey {
  /** 1 for the first claim of the chunk. */
  readonly claimNo: number;
  /** Which try of the chunk this is, from 1; claims that were handed back do not count. */
  readonly attempts: number;
  readonly firstRow: number;
  readonly rowCount: number;
  /**
   * 0 at first. Else the chunk was done before, and this many of its rows, which are in the ledger, are tried again. A job
   * may still hold all of them.
   */
  readonly retriedRows: number;
  /** Tries of the chunk that failed for a reason that does not pass by itself. */
  readonly faults: number;
  /** Why the last try failed; null when none did. */
  readonly lastFault: string | null;
  /** Times that a worker set out to decode the rows of this chunk, as a suspect, and did not note that it could. */
  readonly decoding: number;
  /** sha256 of the payload. */
  readonly payloadDigest: Uint8Array;
  /** Bytes of the rows when they are not deflated, about. */
  readonly unpackedBytes: number;
}

/**
 * Why a chunk cannot be claimed. Its job has no purpose any more, except where the run is `unsupported`: it requires
 * what the worker does not know, and the job is for others.
 */
export type ClaimRefusal = 'done' | 'paused' | 'cancelled' | 'unknown' | 'unsupported';

/** Why a try of a chunk failed, for the ledger. */
export interface ChunkFault {
  /** For people; never holds text of a row. */
  readonly message: string;
  /** Whether the chunk itself may be at fault: only such tries are counted. */
  readonly counts: boolean;
}

/** What became of the rows of a chunk, and by which models. */
export interface ChunkOutcome {
  readonly results: readonly RowResult[];
  readonly errors: readonly FailedRow[];
  /** Ids in `models` (see `modelId`). */
  readonly scorerId: number;
  /** The same of the prefilter; null where the run has none. */
  readonly prefilterId?: number | null;
  readonly detoxifierId: number;
  /** Milliseconds by stage. */
  readonly timingsMs: Readonly<Record<string, number>>;
}

/** A completion: by which claim, and what became of the rows. */
export interface Completion {
  readonly claim: Claim;
  readonly outcome: ChunkOutcome;
}
