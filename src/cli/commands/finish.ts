import type { Context } from '../../app/context.ts';
import { exportRun } from '../../app/export-run.ts';
import { DetoxqError } from '../../contract/errors.ts';
import type { Run } from '../../contract/run.ts';
import { type RunReport, reportRun } from '../../report/index.ts';
import { readSummary } from '../../store/progress.ts';
import { counted } from '../../util/format.ts';
import { asCalled } from '../as-called.ts';
import { summaryText } from '../terminal/summary.ts';
import { describeResults } from '../with-context.ts';

const WITH_ROW_ERRORS = 3;

/** Exports if asked, and prints what a run came to. Returns the exit code. */
export async function finishJob(
  context: Context,
  run: Run,
  { out, json }: { readonly out?: string | undefined; readonly json?: boolean | undefined },
): Promise<number> {
  const { database } = context;
  const report = reportRun(run, await readSummary(database, run.id));
  // An export that fails does not cost the summary.
  const failed = out === undefined ? null : await exportWhole(context, run, out).then(() => null, failureOf);
  if (json) {
    process.stdout.write(`${JSON.stringify(report, null, 2)}\n`);
  } else {
    process.stdout.write(
      `${summaryText(report, describeResults(context, run.id))}\n\nNext:\n${nextSteps(report, out)
        .map((step) => `  ${asCalled(`detoxq ${step}`)}\n`)
        .join('')}`,
    );
  }
  if (failed !== null) throw failed.error;
  if (report.state === 'cancelled') return 1;
  if (report.rowsDone < report.rows) {
    process.stderr.write(
      asCalled(
        `Run ${run.id} lacks ${counted(report.rows - report.rowsDone, 'row')}: detoxq status ${run.id} says why.\n`,
      ),
    );
    return 1;
  }
  return report.rowErrors > 0 ? WITH_ROW_ERRORS : 0;
}

/** Commands that fit what came out. */
function nextSteps({ run, state, outcomes, rowErrors }: RunReport, out: string | undefined): string[] {
  const query = (columns: string, table: string, more = '') =>
    `query "select ${columns} from ${table} where run_id = '${run}'${more} limit 5"`;
  return [
    ...((outcomes.detoxified ?? 0) > 0 ? [query('text, detoxified', 'results', " and outcome = 'detoxified'")] : []),
    ...(rowErrors > 0 ? [query('row_no, code, message', 'row_errors')] : []),
    ...(out === undefined ? [`export ${run} --out cleaned.csv${state === 'done' ? '' : ' --partial'}`] : []),
    `verify ${run}`,
  ];
}

function failureOf(error: unknown): { readonly error: unknown } {
  return { error };
}

/** Exports all rows of a run that is done, and says so. @throws DetoxqError that says how to export it again */
export async function exportWhole({ database }: Context, run: Run, out: string): Promise<void> {
  try {
    const count = await exportRun(database, run, out, { partial: true });
    const rest = run.state === 'cancelled' ? ': the run is cancelled, and those that are not done are missing' : '';
    process.stderr.write(`Wrote ${counted(count, 'row')} to ${out}${rest}.\n`);
  } catch (error) {
    if (!(error instanceof DetoxqError)) throw error;
    throw new DetoxqError(
      `${error.message} The rows of run ${run.id} are kept: detoxq export ${run.id} --out FILE writes them again.`,
      { cause: error },
    );
  }
}
