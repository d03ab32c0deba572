import { deflateSync, inflateSync } from 'node:zlib';
import type { ChunkRow } from './row.ts';

/** Consecutive rows of one run: the unit of dispatch, of the ledger and of writing. */
export interface Chunk {
  readonly runId: string;
  /** 0-based, without gaps within a run. */
  readonly chunkNo: number;
  /** `rowNo` of the first row; the others follow without gaps. */
  readonly firstRow: number;
  readonly rows: readonly ChunkRow[];
}

/** Rows as they are stored in the ledger and sent through the queue: JSON, deflated at level 1 (99 B a row against 162, docs/decisions). */
export function packRows(rows: readonly ChunkRow[]): Buffer {
  return deflateSync(JSON.stringify(rows), { level: 1 });
}

export function unpackRows(payload: Uint8Array): ChunkRow[] {
  return JSON.parse(inflateSync(payload).toString('utf8'));
}
