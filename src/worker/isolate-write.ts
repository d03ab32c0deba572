import type { ChunkOutcome, Completion } from '../contract/claim.ts';
import { DetoxqError } from '../contract/errors.ts';
import type { FailedRow, RowResult } from '../contract/outcome.ts';
import type { SourceRow } from '../contract/row.ts';
import { tryCompletion } from '../store/complete.ts';
import type { Database } from '../store/database.ts';
import { rowRefusal } from '../store/row-refusal.ts';
import { EnginesClosedError } from './engines.ts';

/*
 * Finds the rows for which Postgres refuses the completion of a chunk. It does so by trial completions that are rolled back:
 * some rows as they are, all others as bare row errors (number, code and message, without anything of the row).
 *
 *   all rows bare ──refused──▶ no row is at fault: the refusal is thrown
 *        │ taken
 *        ▼
 *   all rows as they are ──refused──▶ each half ──refused──▶ … ──▶ one row, refused: it is `not_storable`
 *        │ taken: no row of this half is at fault
 *
 * This takes at most 2n trials, and as many again where the key or the source of a row (kept for a retry) is refused, too.
 */

/** As it is; a row error with its row; a row error without anything of the row. */
const FORMS = { whole: 0, error: 1, bare: 2 } as const;
type Form = (typeof FORMS)[keyof typeof FORMS];

interface Row {
  readonly original: RowResult | FailedRow;
  readonly source: SourceRow | undefined;
  readonly attempts: number;
  form: Form;
  refusal: string;
}

/**
 * Finds the rows of a refused completion that Postgres does not take, and makes row errors of them.
 *
 * @param stopping once it comes, nothing more is tried
 * @param sources the rows of the chunk, by number, for those that can be retried
 * @returns an outcome that Postgres takes; null when the claim is no longer ours
 * @throws EnginesClosedError when the worker stops; DetoxqError with the words of Postgres, where no row is at fault;
 *   ServiceError when Postgres cannot be asked now
 */
export async function isolateRefusedRows(
  database: Database,
  { claim, outcome }: Completion,
  sources: ReadonlyMap<number, SourceRow>,
  stopping: AbortSignal,
): Promise<ChunkOutcome | null> {
  const rows = [...outcome.results, ...outcome.errors].map((original): Row => {
    const source = sources.get(original.rowNo);
    return { original, source, attempts: claim.attempts, form: FORMS.whole, refusal: '' };
  });

  /** Why Postgres refuses these rows in this form while all others are bare; null when it takes them. */
  const refusalOf = async (tried: ReadonlySet<Row>, form: Form): Promise<string | null> => {
    if (stopping.aborted) throw new EnginesClosedError('the worker stops');
    const written = rows.map((row) => render(row, tried.has(row) ? form : FORMS.bare));
    try {
      if (!(await tryCompletion(database, { claim, outcome: { ...outcome, ...byKind(written) } }))) {
        throw new ClaimLostError();
      }
      return null;
    } catch (error) {
      const refusal = rowRefusal(error);
      if (refusal === null) throw error;
      return refusal;
    }
  };

  const settle = async (tried: readonly Row[], form: Form): Promise<void> => {
    const refusal = await refusalOf(new Set(tried), form);
    const [only] = tried;
    if (only === undefined) {
      // Postgres does not even take row errors without anything of a row.
      if (refusal !== null)
        throw new DetoxqError(`${refusal} The same is said of row errors without anything of a row.`);
      return;
    }
    if (refusal === null) {
      for (const row of tried) row.form = form;
      return;
    }
    if (tried.length > 1) {
      const middle = Math.ceil(tried.length / 2);
      await settle(tried.slice(0, middle), form);
      await settle(tried.slice(middle), form);
      return;
    }
    only.form = FORMS.bare;
    only.refusal ||= refusal;
  };

  try {
    await settle([], FORMS.bare);
    await settle(rows, FORMS.whole);
    const refused = rows.filter(({ form }) => form === FORMS.bare);
    if (refused.length > 0) await settle(refused, FORMS.error);
  } catch (error) {
    if (error instanceof ClaimLostError) return null;
    throw error;
  }
  return { ...outcome, ...byKind(rows.map((row) => render(row, row.form))) };
}

/** Another worker has taken the claim meanwhile. */
class ClaimLostError extends Error {
  override readonly name = 'ClaimLostError';
}

function render({ original, source, attempts, refusal }: Row, form: Form): RowResult | FailedRow {
  if (form === FORMS.whole) return original;
  const { rowNo } = original;
  const fault = isResult(original)
    ? { stage: 'write' as const, code: 'not_storable', message: refusal, attempts }
    : { stage: original.stage, code: original.code, message: original.message, attempts: original.attempts };
  if (form === FORMS.bare) return { rowNo, rowKey: null, ...fault };
  return { rowNo, rowKey: original.rowKey, ...fault, ...(source !== undefined && { source }) };
}

function byKind(rows: readonly (RowResult | FailedRow)[]): { results: RowResult[]; errors: FailedRow[] } {
  return { results: rows.filter(isResult), errors: rows.filter((row): row is FailedRow => !isResult(row)) };
}

function isResult(row: RowResult | FailedRow): row is RowResult {
  return 'outcome' in row;
}
