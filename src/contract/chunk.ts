import { deflateSync, inflateSync } from 'node:zlib';
import { type ChunkRow, isRejected, type JsonObject, type RowFault } from './row.ts';

/** Consecutive rows of one run: the unit of dispatch, of the ledger and of writing. */
export interface Chunk {
  readonly runId: string;
  /** 0-based, without gaps within a run. */
  readonly chunkNo: number;
  /** `rowNo` of the first row; the others follow without gaps. */
  readonly firstRow: number;
  readonly rows: readonly ChunkRow[];
}

/**
 * Rows as columns, which take a third less time to write and half as much to read as one object a row. A column that
 * says nothing is left out.
 */
interface PackedRows {
  /** Number of the first row. The others follow without gaps, unless `rowNos` says otherwise. */
  readonly firstRow: number;
  /** Of the rows of a retried chunk. */
  readonly rowNos?: readonly number[];
  /** Null for a row that could not be read. */
  readonly texts: readonly (string | null)[];
  readonly keys?: readonly (string | null)[];
  readonly metas?: readonly (JsonObject | null)[];
  readonly faults?: readonly (RowFault | null)[];
}

/** Rows as they are stored in the ledger and sent through the queue: JSON, deflated at level 1 (docs/decisions/store-figures.md). */
export function packRows(rows: readonly ChunkRow[]): Buffer {
  const firstRow = rows[0]?.rowNo ?? 0;
  const packed: PackedRows = {
    firstRow,
    texts: rows.map((row) => (isRejected(row) ? null : row.text)),
    ...(rows.some((row, at) => row.rowNo !== firstRow + at) && { rowNos: rows.map((row) => row.rowNo) }),
    ...(rows.some((row) => row.rowKey !== null) && { keys: rows.map((row) => row.rowKey) }),
    ...(rows.some((row) => !isRejected(row) && row.meta !== null) && {
      metas: rows.map((row) => (isRejected(row) ? null : row.meta)),
    }),
    ...(rows.some(isRejected) && { faults: rows.map((row) => (isRejected(row) ? row.fault : null)) }),
  };
  return deflateSync(JSON.stringify(packed), { level: 1 });
}

export function unpackRows(payload: Uint8Array): ChunkRow[] {
  const packed: PackedRows | ChunkRow[] = JSON.parse(inflateSync(payload).toString('utf8'));
  // What was packed before there were columns: one object a row.
  if (Array.isArray(packed)) return packed;
  const { firstRow, rowNos, texts, keys, metas, faults } = packed;
  return texts.map((text, at): ChunkRow => {
    const rowNo = rowNos?.[at] ?? firstRow + at;
    const rowKey = keys?.[at] ?? null;
    const fault = faults?.[at] ?? null;
    return fault === null ? { rowNo, rowKey, text: text ?? '', meta: metas?.[at] ?? null } : { rowNo, rowKey, fault };
  });
}
