import type { JsonObject, RowFault, SourceRow } from './row.ts';

/**
 * What became of a row.
 * - `clean`: not toxic (or blank), left as it was
 * - `detoxified`: was toxic, the rewrite is not
 * - `still_toxic`: rewritten, and still at or above the threshold
 * - `unchanged`: toxic, and the detoxifier gave it back as it was
 * - `rejected`: the rewrite failed a guard (empty, runaway, meaning lost) and was thrown away
 *
 * A row that failed has no outcome: it is in `row_errors`.
 */
export const OUTCOMES = ['clean', 'detoxified', 'still_toxic', 'unchanged', 'rejected'] as const;
export type Outcome = (typeof OUTCOMES)[number];

export interface RowResult {
  readonly rowNo: number;
  readonly rowKey: string | null;
  readonly outcome: Outcome;
  /** The text as it came. */
  readonly text: string;
  /** The rewritten text of `detoxified` and `still_toxic` rows, else null. */
  readonly detoxified: string | null;
  /** Probability of the toxic label, 0 to 1; null for blank text, which is not scored. */
  readonly toxicityBefore: number | null;
  /** The same for the rewrite; null where nothing was rewritten. */
  readonly toxicityAfter: number | null;
  /** chrF of rewrite and source, 0 to 1 (Popović 2015); null where nothing was rewritten. */
  readonly similarity: number | null;
  /** Tokens that the scorer and the detoxifier read for this row. */
  readonly tokensIn: number;
  /** Tokens that the detoxifier wrote for this row. */
  readonly tokensOut: number;
  /** True where the prefilter cleared the row: `toxicityBefore` is the prefilter's, and the scorer has not seen the row. */
  readonly cleared?: true;
  readonly meta: JsonObject | null;
}

/** A row without a result, and why. */
export interface RowError extends RowFault {
  readonly rowNo: number;
  readonly rowKey: string | null;
  /** How often the row was tried. */
  readonly attempts: number;
}

/** A row error, with the row itself where it was read, so that it can be tried again. */
export interface FailedRow extends RowError {
  readonly source?: SourceRow;
}

/** What the engine answers for a row: a result, or the fault of our own text code. The fault never holds the row's text. */
export type RowVerdict =
  | RowResult
  | { readonly rowNo: number; readonly rowKey: string | null; readonly fault: RowFault };
