import { DatasetError } from '../../contract/errors.ts';
import { toModelForm } from '../../detox/model-form.ts';
import { isWordyForm } from '../../detox/plan.ts';
import type { EvaluationRow } from './score-rows.ts';

/** What one system made of one row of its source. */
export type SystemRow =
  | {
      readonly kind: 'output';
      readonly rowNo: number;
      readonly rowKey: string | null;
      readonly source: string;
      /** Null where the system gave none. */
      readonly output: string | null;
      readonly references: readonly string[];
      /** The system found nothing to rewrite. */
      readonly isClean: boolean;
    }
  /** A row without an output, and maybe without a text. */
  | {
      readonly kind: 'failed';
      readonly rowNo: number;
      readonly rowKey: string | null;
      /** Short, the code of its error. */
      readonly reason: string;
      /** What was wrong, and where; never text of the row. */
      readonly message: string;
    };

/** The rows of one system, every row of its source once, by row number. */
export interface SystemInput {
  /** For messages and the report. */
  readonly name: string;
  readonly rows: AsyncIterable<SystemRow>;
}

/** What was not judged, and what was judged in place of an output; counted while the rows are read. */
export interface RowTally {
  /** Rows in the source. */
  read: number;
  /** Rows left out for every system, by reason. */
  readonly leftOut: Map<string, number>;
  /** For each system, rows that failed there and count as copies, since another system has their text. */
  readonly failedAsCopies: number[];
  /** What was wrong with the first row that failed everywhere. */
  firstFault?: string;
}

/** Reasons to leave a row out, beside those of failed rows. */
export const LEFT_CLEAN = 'found clean';
export const NO_WORDS = 'source without words';

/**
 * The rows to judge: each source with the outputs of all systems.
 *
 * A row is judged unless every system found it clean (`only` 'toxic'), so that none can win by leaving rows alone: what
 * it left alone counts as a copy. A row that failed in one system counts there as a copy; in all, it is left out.
 *
 * @throws DatasetError when the systems do not have the same sources
 */
export async function* joinSystems(
  systems: readonly SystemInput[],
  only: 'toxic' | 'all',
  tally: RowTally,
): AsyncGenerator<EvaluationRow> {
  const iterators = systems.map(({ rows }) => rows[Symbol.asyncIterator]());
  try {
    for (;;) {
      const rows = await nextRows(systems, iterators);
      if (rows === null) return;
      tally.read++;
      const judged = joinRow(systems, rows, only, tally);
      if (typeof judged === 'string') tally.leftOut.set(judged, (tally.leftOut.get(judged) ?? 0) + 1);
      else yield judged;
    }
  } finally {
    for (const iterator of iterators) await iterator.return?.();
  }
}

/** Row `n` of every system, or null when all have come to their end. */
async function nextRows(
  systems: readonly SystemInput[],
  iterators: readonly AsyncIterator<SystemRow>[],
): Promise<readonly SystemRow[] | null> {
  const rows: SystemRow[] = [];
  const ended: string[] = [];
  for (const [at, iterator] of iterators.entries()) {
    const next = await iterator.next();
    if (next.done) ended.push(systems[at]?.name ?? '');
    else rows.push(next.value);
  }
  const [first] = rows;
  if (first === undefined) return null;
  if (ended.length > 0 || rows.some(({ rowNo }) => rowNo !== first.rowNo)) {
    const rowNo = Math.min(...rows.map((row) => row.rowNo));
    const what = ended.length > 0 ? `${ended.join(', ')} has no row ${rowNo + 1}` : `row ${rowNo + 1} is not in all`;
    throw new DatasetError(
      `${listed(systems)} do not have the same rows: ${what}. A comparison needs outputs for the same sources, in the same order.`,
    );
  }
  return rows;
}

/** The row to judge, or the reason to leave it out. */
function joinRow(
  systems: readonly SystemInput[],
  rows: readonly SystemRow[],
  only: 'toxic' | 'all',
  tally: RowTally,
): EvaluationRow | string {
  const known = rows.filter((row) => row.kind === 'output');
  const [first] = known;
  if (first === undefined) {
    const failed = rows.find((row) => row.kind === 'failed');
    if (failed !== undefined) tally.firstFault ??= failed.message;
    return failed?.reason ?? NO_WORDS;
  }
  const { rowNo, rowKey, source } = first;
  if (known.some((row) => row.source !== source && toModelForm(row.source) !== toModelForm(source))) {
    throw new DatasetError(
      `row ${rowNo + 1} of ${listed(systems)} has different sources: a comparison needs outputs for the same sources, in the same order.`,
    );
  }
  if (only === 'toxic' && known.every(({ isClean }) => isClean)) return LEFT_CLEAN;
  if (!isWordyForm(source)) return NO_WORDS;
  rows.forEach((row, at) => {
    if (row.kind === 'failed') tally.failedAsCopies[at] = (tally.failedAsCopies[at] ?? 0) + 1;
  });
  return {
    rowNo,
    rowKey,
    source,
    outputs: rows.map((row) => (row.kind === 'failed' ? source : row.output)),
    references: known.find(({ references }) => references.length > 0)?.references ?? [],
  };
}

function listed(systems: readonly SystemInput[]): string {
  return systems.map(({ name }) => name).join(' and ');
}
