/** Values that survive JSON and Postgres `jsonb` unchanged. */
export type JsonValue = string | number | boolean | null | JsonValue[] | { [key: string]: JsonValue };
export type JsonObject = { [key: string]: JsonValue };

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

/** Where on its way a row went wrong. */
export type Stage = 'read' | 'score' | 'rewrite' | 'engine' | 'write';

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
