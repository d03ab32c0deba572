/** Values that survive JSON and Postgres `jsonb` unchanged. */
export type JsonValue = string | number | boolean | null | JsonValue[] | { [key: string]: JsonValue };
export type JsonObject = { [key: string]: JsonValue };

/** Whether a parsed JSON value is an object, neither null nor a list. */
export function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

/**
 * Text as Postgres and UTF-8 can store it: each NUL and each lone surrogate becomes U+FFFD.
 *
 * @param repairs is told what was replaced
 */
export function storableText(text: string, repairs?: { add(what: 'nul' | 'surrogate'): unknown }): string {
  let result = text;
  if (result.includes('\0')) {
    repairs?.add('nul');
    result = result.replaceAll('\0', '\ufffd');
  }
  if (/\p{Cs}/u.test(result)) {
    repairs?.add('surrogate');
    result = result.replace(/\p{Cs}/gu, '\ufffd');
  }
  return result;
}

/** One row of a dataset, ready to be scored. `text` is storable: no NUL, no lone surrogate. */
export interface SourceRow {
  /** 0-based position in the source: with several files, it runs on from file to file. */
  readonly rowNo: number;
  /** The user's own id of the row (`--id-column`), or null. */
  readonly rowKey: string | null;
  readonly text: string;
  /** Other columns of the dataset, and notes about repairs under the key `detoxq`; null when there are none. */
  readonly meta: JsonObject | null;
}

/** The stage in which a row failed. */
type Stage = 'read' | 'score' | 'rewrite' | 'engine' | 'write';

/** Why a row has no result. The message never holds the row's text. */
export interface RowFault {
  readonly stage: Stage;
  /** Short, stable, for SQL: `not_utf8`, `too_large`, `engine_crashed`, … */
  readonly code: string;
  readonly message: string;
}

/** A row that could be counted but not read: it travels with its chunk and ends in `row_errors`. */
export interface RejectedRow {
  readonly rowNo: number;
  readonly rowKey: string | null;
  readonly fault: RowFault;
}

export type ChunkRow = SourceRow | RejectedRow;

export function isRejected(row: ChunkRow): row is RejectedRow {
  return 'fault' in row;
}
