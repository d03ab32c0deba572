import { deflateSync, inflateSync } from 'node:zlib';
import { DetoxqError, errorCode } from './errors.ts';
import { type ChunkRow, isObject, isRejected, type JsonObject, type JsonValue, type RowFault } from './row.ts';

/**
 * Rows as columns, which take a third less time to write and half as much to read as one object per row. A column without
 * any value is left out.
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

/**
 * Bytes that a payload may inflate to. A chunk holds a million characters, or one row of at most eight million
 * (docs/input.md), and JSON writes a character in six bytes at most.
 */
const MOST_UNPACKED_BYTES = 64 * 1024 * 1024;

/** A payload that is not what `packRows` gives. The message holds nothing of it. */
export class DamagedPayloadError extends DetoxqError {
  override readonly name = 'DamagedPayloadError';
}

/** @throws DamagedPayloadError */
export function unpackRows(payload: Uint8Array): ChunkRow[] {
  let packed: unknown;
  try {
    packed = JSON.parse(inflateSync(payload, { maxOutputLength: MOST_UNPACKED_BYTES }).toString('utf8'));
  } catch (error) {
    const isLarge = errorCode(error) === 'ERR_BUFFER_TOO_LARGE';
    throw new DamagedPayloadError(
      isLarge ? 'it inflates to more than a chunk can hold' : 'it cannot be inflated, or is no JSON',
    );
  }
  // Rows that were packed before there were columns: one object per row.
  if (Array.isArray(packed)) return packed.every(isRow) ? packed : refuse();
  if (!isPacked(packed)) return refuse();
  const { firstRow, rowNos, texts, keys, metas, faults } = packed;
  return texts.map((text, at): ChunkRow => {
    const rowNo = rowNos?.[at] ?? firstRow + at;
    const rowKey = keys?.[at] ?? null;
    const fault = faults?.[at] ?? null;
    return fault === null ? { rowNo, rowKey, text: text ?? '', meta: metas?.[at] ?? null } : { rowNo, rowKey, fault };
  });
}

function refuse(): never {
  throw new DamagedPayloadError('it is JSON of another kind');
}

function isPacked(value: unknown): value is PackedRows {
  if (!isObject(value) || !Array.isArray(value.texts) || !Number.isSafeInteger(value.firstRow)) return false;
  const { texts, rowNos, keys, metas, faults } = value;
  const isColumn = (column: unknown, isCell: (cell: unknown) => boolean): boolean =>
    column === undefined || (Array.isArray(column) && column.length === texts.length && column.every(isCell));
  return (
    isColumn(texts, isTextOrNull) &&
    isColumn(rowNos, Number.isSafeInteger) &&
    isColumn(keys, isTextOrNull) &&
    isColumn(metas, isObjectOrNull) &&
    isColumn(faults, (cell) => cell === null || isFault(cell))
  );
}

function isRow(value: unknown): value is ChunkRow {
  if (!isObject(value) || !Number.isSafeInteger(value.rowNo) || !isTextOrNull(value.rowKey)) return false;
  return 'fault' in value ? isFault(value.fault) : typeof value.text === 'string' && isObjectOrNull(value.meta);
}

function isFault(value: unknown): boolean {
  return isObject(value) && [value.stage, value.code, value.message].every((part) => typeof part === 'string');
}

function isTextOrNull(value: unknown): boolean {
  return value === null || typeof value === 'string';
}

function isObjectOrNull(value: unknown): boolean {
  return value === null || isObject(value);
}

/** Characters of all that a row carries, about. It bounds a chunk, and is cheap, since it is computed for every row. */
export function charsOfRow(row: ChunkRow): number {
  const key = row.rowKey?.length ?? 0;
  return isRejected(row) ? key + row.fault.message.length : key + row.text.length + charsOfJson(row.meta);
}

/** Characters of a value as JSON, about. */
export function charsOfJson(value: JsonValue): number {
  if (typeof value === 'string') return value.length + 2;
  if (typeof value !== 'object' || value === null) return 8;
  let chars = 2;
  if (Array.isArray(value)) for (const item of value) chars += charsOfJson(item) + 1;
  else for (const key in value) chars += key.length + charsOfJson(value[key] ?? null) + 4;
  return chars;
}
