import { charsOfRow, packRows } from '../contract/chunk.ts';
import type { ChunkRow } from '../contract/row.ts';

/** A chunk ready for the ledger and for the queue. */
export interface PackedChunk {
  readonly chunkNo: number;
  /** `rowNo` of the first row. */
  readonly firstRow: number;
  readonly rowCount: number;
  /** The rows as `packRows` gives them. */
  readonly payload: Buffer;
  /** Characters of all that its rows carry, about. */
  readonly unpackedChars: number;
}

interface Chunker {
  add(row: ChunkRow): void;
  /** Takes the chunks that are full. */
  takeFull(): PackedChunk[];
  /** Takes all chunks, the last one perhaps not full. */
  takeAll(): PackedChunk[];
  /** Chunks cut so far, with those before a resume. */
  chunks(): number;
}

/**
 * Most characters of a chunk, counted over all that its rows carry (texts, keys, other columns), however few rows that are. A
 * longer row is a chunk of its own.
 */
const MAX_CHUNK_CHARS = 1024 * 1024;

/** Cuts rows into chunks of `chunkRows`, or of fewer rows where texts are long. Chunks are numbered from `firstChunkNo` on. */
export function createChunker(chunkRows: number, firstChunkNo: number): Chunker {
  let chunkNo = firstChunkNo;
  let rows: ChunkRow[] = [];
  let chars = 0;
  let full: PackedChunk[] = [];

  function cut(): void {
    const firstRow = rows[0]?.rowNo;
    if (firstRow === undefined) return;
    full.push({ chunkNo, firstRow, rowCount: rows.length, payload: packRows(rows), unpackedChars: chars });
    chunkNo += 1;
    rows = [];
    chars = 0;
  }
  function takeFull(): PackedChunk[] {
    const taken = full;
    full = [];
    return taken;
  }

  return {
    add(row) {
      const more = charsOfRow(row);
      if (chars + more > MAX_CHUNK_CHARS) cut();
      rows.push(row);
      chars += more;
      if (rows.length >= chunkRows || chars >= MAX_CHUNK_CHARS) cut();
    },
    takeFull,
    takeAll() {
      cut();
      return takeFull();
    },
    chunks: () => chunkNo,
  };
}
