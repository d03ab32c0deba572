import { DetoxqError } from '../contract/errors.ts';
import type { Run } from '../contract/run.ts';
import { exportToFile } from '../report/export.ts';
import { reportRun } from '../report/summary.ts';
import { readSummary } from '../store/progress.ts';
import { type Context, describeResults } from './context.ts';
import { exportRows } from './export.ts';
import { formatCount } from './format.ts';
import { summaryText } from './print-summary.ts';

const WITH_ROW_ERRORS = 3;

/** Exports if asked, and prints what a run came to. Returns the exit code. */
export async function finishJob(
  context: Context,
  run: Run,
  { out, json }: { readonly out?: string | undefined; readonly json?: boolean | undefined },
): Promise<number> {
  const {
    database,
    config: { command },
  } = context;
  const report = reportRun(run, await readSummary(database, run.id));
  // An export that fails does not cost the summary.
  const failed = out === undefined ? null : await exportRun(context, run, out).then(() => null, failureOf);
  if (json) {
    process.stdout.write(`${JSON.stringify(report, null, 2)}\n`);
  } else {
    process.stdout.write(
      `${summaryText(report, describeResults(context, run.id))}

Next:
  ${command} query "select text, detoxified from results where run_id = '${run.id}' and outcome = 'detoxified' limit 5"
  ${command} export ${run.id} --out cleaned.csv
  ${command} verify ${run.id}
`,
    );
  }
  if (failed !== null) throw failed.error;
  if (report.state === 'cancelled') return 1;
  return report.rowErrors > 0 ? WITH_ROW_ERRORS : 0;
}

function failureOf(error: unknown): { readonly error: unknown } {
  return { error };
}

/** Exports all rows of a run that is done, and says so. @throws DetoxqError that says how to export it again */
export async function exportRun({ database, config }: Context, run: Run, out: string): Promise<void> {
  try {
    const count = await exportToFile(out, exportRows(database, run.id));
    process.stderr.write(`Wrote ${formatCount(count)} rows to ${out}.\n`);
  } catch (error) {
    if (!(error instanceof DetoxqError)) throw error;
    throw new DetoxqError(
      `${error.message} The rows of run ${run.id} are kept: ${config.command} export ${run.id} --out FILE writes them again.`,
      { cause: error },
    );
  }
}
