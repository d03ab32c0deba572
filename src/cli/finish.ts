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
  if (out !== undefined) {
    const count = await exportToFile(out, exportRows(database, run.id));
    process.stderr.write(`Wrote ${formatCount(count)} rows to ${out}.\n`);
  }
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
  if (report.state === 'cancelled') return 1;
  return report.rowErrors > 0 ? WITH_ROW_ERRORS : 0;
}
