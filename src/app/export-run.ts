import { UsageError } from '../contract/errors.ts';
import { OUTCOMES, type Outcome } from '../contract/outcome.ts';
import type { Run, RunProgress } from '../contract/run.ts';
import { type ExportRow, exportToFile, mergeByRow } from '../report/index.ts';
import type { Connection } from '../store/database.ts';
import { readProgress } from '../store/progress.ts';
import { streamResults, streamRowErrors } from '../store/results.ts';

/** Row errors, among the outcomes of an export. */
export const FAILED = 'failed';
export type ExportedOutcome = Outcome | typeof FAILED;

export interface ExportRequest {
  /** Only these. Default: all rows. */
  readonly outcomes?: readonly ExportedOutcome[] | undefined;
  /** Puts an apostrophe before cells of CSV and TSV that a spreadsheet would run as a formula. Default false. */
  readonly csvSafe?: boolean | undefined;
  /** Also of a run that is not done: the rows that it has so far. Default false. */
  readonly partial?: boolean | undefined;
}

/** What an export lacks; null where it has every row. */
export type Missing = { readonly progress: RunProgress } | null;

/** Whether rows of a run are still without a result. The ledger of a run that is done may have lost chunks since. */
export async function missingRows(connection: Connection, run: Run): Promise<Missing> {
  const progress = await readProgress(connection, run.id);
  return progress.state === 'done' && progress.rowsDone === progress.rowsTotal ? null : { progress };
}

/**
 * Writes the rows of a run to a file, in the order of the source. The file appears when it is complete.
 *
 * @returns rows written
 * @throws UsageError for a run that lacks rows, unless `partial`
 */
export async function exportRun(
  connection: Connection,
  run: Run,
  path: string,
  { outcomes, csvSafe = false, partial = false }: ExportRequest,
): Promise<number> {
  const missing = partial ? null : await missingRows(connection, run);
  if (missing !== null) {
    throw new UsageError(`${lackText(missing.progress)}; an export of those must be asked for as partial`);
  }
  return exportToFile(path, exportRows(connection, run.id, outcomes), { csvSafe });
}

export function lackText({ runId, state, rowsDone, rowsTotal, rowsEnqueued }: RunProgress): string {
  const count = (rows: number): string => rows.toLocaleString('en-US');
  const total = rowsTotal === null ? `at least ${count(rowsEnqueued)}` : count(rowsTotal);
  return `run ${runId} is ${state}: ${count(rowsDone)} of ${total} rows are done`;
}

/** The rows of a run as an export has them; all outcomes when none are named. */
export function exportRows(
  connection: Connection,
  runId: string,
  wanted?: readonly ExportedOutcome[],
): AsyncIterable<ExportRow> {
  if (wanted === undefined) return mergeByRow(streamResults(connection, runId), streamRowErrors(connection, runId));
  const named = OUTCOMES.filter((outcome) => wanted.includes(outcome));
  return mergeByRow(
    named.length === 0 ? nothing() : streamResults(connection, runId, { outcomes: named }),
    wanted.includes(FAILED) ? streamRowErrors(connection, runId) : nothing(),
  );
}

async function* nothing(): AsyncGenerator<never> {}
