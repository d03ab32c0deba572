import { Readable } from 'node:stream';
import type { ChunkRow } from '../../src/contract/row.ts';
import { type Dataset, type DatasetOptions, openDataset } from '../../src/producer/dataset.ts';

/** A dataset on standard input, which arrives in the given pieces. */
export function openPieces(pieces: readonly (string | Uint8Array)[], options: DatasetOptions): Promise<Dataset> {
  const buffers = pieces.map((piece) => Buffer.from(piece)).filter((piece) => piece.length > 0);
  return openDataset(['-'], options, Readable.from(buffers));
}

export async function allRows(dataset: Dataset, skipRows?: number): Promise<ChunkRow[]> {
  const rows: ChunkRow[] = [];
  for await (const batch of dataset.read(skipRows)) rows.push(...batch);
  return rows;
}

/** Rows of a dataset that is given as one text or buffer. */
export async function readRows(content: string | Uint8Array, options: DatasetOptions): Promise<ChunkRow[]> {
  return allRows(await openPieces([content], options));
}

/** The text of a row, or the code of its rejection in brackets. */
export function brief(row: ChunkRow): string {
  return 'fault' in row ? `[${row.fault.code}]` : row.text;
}

/** Cuts a buffer after the given lengths, again and again until it is used up. */
export function cut(buffer: Buffer, lengths: readonly number[]): Buffer[] {
  const pieces: Buffer[] = [];
  let from = 0;
  for (let turn = 0; from < buffer.length; turn++) {
    const length = Math.max(1, lengths[turn % lengths.length] ?? buffer.length);
    pieces.push(buffer.subarray(from, from + length));
    from += length;
  }
  return pieces;
}
