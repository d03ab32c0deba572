import { type Command, InvalidArgumentError } from 'commander';
import { UsageError } from '../../contract/errors.ts';
import { OUTCOMES, type Outcome } from '../../contract/outcome.ts';
import type { Run } from '../../contract/run.ts';
import { type ExportRow, exportFormat, exportToFile, mergeByRow } from '../../report/index.ts';
import type { Connection } from '../../store/database.ts';
import { readProgress } from '../../store/progress.ts';
import { streamResults, streamRowErrors } from '../../store/results.ts';
import { getRun } from '../../store/runs.ts';
import { counted, formatCount } from '../../util/format.ts';
import { withContext } from '../with-context.ts';
import { checkExport, readByRuns } from './outputs.ts';

const FAILED = 'failed';
type Wanted = Outcome | typeof FAILED;

export function addExportCommand(program: Command): void {
  program
    .command('export')
    .argument('<run>', 'run id, name, or latest')
    .description('write the rows of a run to a file, in the order of the source')
    .requiredOption('--out <file>', 'where to; the ending gives the format: .jsonl, .csv, .tsv')
    .option('--csv-safe', 'for spreadsheets: an apostrophe before cells that look like a formula (=, +, -, @, tab)')
    .option('--outcome <outcomes>', `only these, separated by commas: ${[...OUTCOMES, FAILED].join(', ')}`, outcomes)
    .option('--partial', 'also of a run that is not done: the rows that it has so far')
    .addHelpText(
      'after',
      `
Examples:
  detoxq export latest --out cleaned.csv
  detoxq export latest --out look-at-these.jsonl --outcome still_toxic,rejected,failed

The column "cleaned" holds the text to use: the source where it was clean, the rewrite where it was
detoxified, and nothing where no text is known to be clean.

Cells are written as they are. A spreadsheet runs cells that begin like a formula: use --csv-safe for one.`,
    )
    .action(async (reference: string, options: ExportOptions) => {
      const { csvSafe = false } = options;
      await checkExport(options.out, []);
      if (exportFormat(options.out) === '.jsonl' && csvSafe) throw new UsageError('--csv-safe is for .csv and .tsv.');
      await withContext({ reads: true }, async ({ database }) => {
        const run = await getRun(database, reference);
        await checkExport(options.out, await readByRuns(database, run));
        await requireDone(database, run, options);
        const count = await exportToFile(options.out, exportRows(database, run.id, options.outcome), { csvSafe });
        process.stderr.write(`Wrote ${counted(count, 'row')} to ${options.out}.\n`);
      });
    });
}

interface ExportOptions {
  readonly out: string;
  readonly outcome?: Wanted[];
  readonly csvSafe?: boolean;
  readonly partial?: boolean;
}

/** @throws UsageError for a run that lacks rows, unless its user knows */
async function requireDone(database: Connection, { id, state }: Run, { out, partial }: ExportOptions): Promise<void> {
  const { rowsDone, rowsTotal, rowsEnqueued } = await readProgress(database, id);
  // Its ledger may have lost chunks since.
  if (state === 'done' && rowsDone === rowsTotal) return;
  const total = rowsTotal === null ? `at least ${formatCount(rowsEnqueued)}` : formatCount(rowsTotal);
  const how = `run ${id} is ${state}: ${formatCount(rowsDone)} of ${total} rows are done`;
  if (!partial) throw new UsageError(`${how}. To export those: detoxq export ${id} --out ${out} --partial`);
  process.stderr.write(`Note: ${how}; the others are not in the file.\n`);
}

/** The rows of a run as an export has them; all outcomes when none are named. */
export function exportRows(
  connection: Connection,
  runId: string,
  wanted?: readonly Wanted[],
): AsyncIterable<ExportRow> {
  if (wanted === undefined) return mergeByRow(streamResults(connection, runId), streamRowErrors(connection, runId));
  const named = OUTCOMES.filter((outcome) => wanted.includes(outcome));
  return mergeByRow(
    named.length === 0 ? nothing() : streamResults(connection, runId, { outcomes: named }),
    wanted.includes(FAILED) ? streamRowErrors(connection, runId) : nothing(),
  );
}

async function* nothing(): AsyncGenerator<never> {}

function outcomes(value: string): Wanted[] {
  const known: readonly Wanted[] = [...OUTCOMES, FAILED];
  return value.split(',').map((part) => {
    const outcome = known.find((candidate) => candidate === part.trim());
    if (outcome === undefined) throw new InvalidArgumentError(`Outcomes are ${known.join(', ')}.`);
    return outcome;
  });
}
