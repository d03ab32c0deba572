import { type Command, InvalidArgumentError } from 'commander';
import { type ExportedOutcome, exportRun, FAILED, lackText, missingRows } from '../../app/export-run.ts';
import { readByRuns } from '../../app/kept-files.ts';
import { UsageError } from '../../contract/errors.ts';
import { OUTCOMES } from '../../contract/outcome.ts';
import type { Run } from '../../contract/run.ts';
import { exportFormat } from '../../report/index.ts';
import type { Connection } from '../../store/database.ts';
import { getRun } from '../../store/runs.ts';
import { counted } from '../../util/format.ts';
import { withContext } from '../with-context.ts';
import { checkExport } from './outputs.ts';

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
        const count = await exportRun(database, run, options.out, {
          outcomes: options.outcome,
          csvSafe,
          partial: true,
        });
        process.stderr.write(`Wrote ${counted(count, 'row')} to ${options.out}.\n`);
      });
    });
}

interface ExportOptions {
  readonly out: string;
  readonly outcome?: ExportedOutcome[];
  readonly csvSafe?: boolean;
  readonly partial?: boolean;
}

/** @throws UsageError for a run that lacks rows, unless its user knows */
async function requireDone(database: Connection, run: Run, { out, partial }: ExportOptions): Promise<void> {
  const missing = await missingRows(database, run);
  if (missing === null) return;
  const how = lackText(missing.progress);
  if (!partial) throw new UsageError(`${how}. To export those: detoxq export ${run.id} --out ${out} --partial`);
  process.stderr.write(`Note: ${how}; the others are not in the file.\n`);
}

function outcomes(value: string): ExportedOutcome[] {
  const known: readonly ExportedOutcome[] = [...OUTCOMES, FAILED];
  return value.split(',').map((part) => {
    const outcome = known.find((candidate) => candidate === part.trim());
    if (outcome === undefined) throw new InvalidArgumentError(`Outcomes are ${known.join(', ')}.`);
    return outcome;
  });
}
