import { type Command, Option } from 'commander';
import { DEFAULT_COLUMNS, openPairFiles } from '../../app/evaluate-files.ts';
import { openRuns } from '../../app/evaluate-runs.ts';
import { type EvaluatedSource, evaluateSources } from '../../app/evaluation.ts';
import { JUDGES, type JudgeOptions, openJudges, requireJudges } from '../../app/judges.ts';
import { readByRuns } from '../../app/kept-files.ts';
import { readConfig } from '../../config.ts';
import { UsageError } from '../../contract/errors.ts';
import type { Dialect } from '../../producer/dialect.ts';
import { FORMATS, type Format } from '../../producer/format.ts';
import {
  checkOutput,
  countsTable,
  describeJudges,
  describeRows,
  type EvaluationReport,
  evaluationMarkdown,
  figuresTable,
  type Kept,
  scoreLines,
  writeWholeFile,
} from '../../report/index.ts';
import { getRun } from '../../store/runs.ts';
import { counted } from '../../util/format.ts';
import { addDialectOptions, dialectOptionsGiven } from '../options/dialect-options.ts';
import { sayEvent } from '../terminal/events.ts';
import { outputTable } from '../terminal/table.ts';
import { withContext } from '../with-context.ts';
import { checkpointsRead, filesRead } from './outputs.ts';

interface Options extends JudgeOptions, Dialect {
  readonly run?: string[];
  readonly srcColumn: string;
  readonly outColumn: string;
  readonly refColumn?: string[];
  readonly format?: Format;
  readonly allRows?: boolean;
  readonly out?: string;
  readonly scores?: string;
  readonly json?: boolean;
}

/** One is described, two are compared. */
const MOST_SYSTEMS = 2;
const SAY_EVERY_MS = 2_000;

export function addEvaluateCommand(program: Command): void {
  const command = program
    .command('evaluate')
    .argument('[files...]', 'one or two files of pairs (.csv, .tsv, .jsonl, also .gz or .zst)')
    .description('STA, SIM, FL, J and chrF of pairs or of a finished run; of two, the difference');
  addJudgeOptions(command)
    .option('--run <run>', 'a finished run (id, name, or latest); once more to compare two', collect)
    .option('--src-column <name>', 'column of the sources', DEFAULT_COLUMNS.src)
    .option('--out-column <name>', 'column of the outputs', DEFAULT_COLUMNS.out)
    .option(
      '--ref-column <names>',
      'columns of references, separated by commas (default: of a file ref, ref1, ref2, …)',
      names,
    )
    .addOption(
      new Option('--format <format>', 'of the files; default: by the ending').choices(
        FORMATS.filter((format) => format !== 'txt'),
      ),
    );
  addDialectOptions(command)
    .option('--all-rows', 'of a run: judge clean rows, too, which were left as they are')
    .option('--out <file>', 'write the report as Markdown')
    .option('--scores <file>', 'write the scores of every row; the ending gives the format: .jsonl, .csv, .tsv')
    .option('--json', 'print the report as JSON')
    .addHelpText(
      'after',
      `
Examples:
  detoxq evaluate pairs.tsv
  detoxq evaluate system-a.jsonl system-b.jsonl --out report.md      the same sources in both, in the same order
  detoxq evaluate --run latest
  detoxq evaluate --run ra7c2k9m --run latest --scores scores.jsonl

Of a run, the rows are judged that were toxic; what it left unchanged or rejected counts as a copy. What the numbers
mean: docs/evaluation.md.`,
    )
    .action(async (files: string[], options: Options) => {
      const runs = options.run ?? [];
      checkSystems(files, runs);
      if (runs.length > 0) rejectFileOptions(options);
      requireJudges(options, readConfig().home);
      await checkReports(options, filesRead(files));
      if (runs.length === 0) {
        const columns = { ...options, refColumn: options.refColumn ?? null };
        await evaluate(await openPairFiles(files, columns, sayEvent), options);
      } else {
        await withContext({}, async ({ database }) => {
          const found = await Promise.all(runs.map((reference) => getRun(database, reference)));
          for (const run of found) await checkReports(options, await readByRuns(database, run));
          await evaluate(await openRuns(database, options.refColumn ?? [], runs), options);
        });
      }
    });
}

/** @throws UsageError for a place where the report or the scores cannot go */
async function checkReports(
  { out, scores, judgeSta, judgeSim, judgeFl }: Options,
  read: readonly Kept[],
): Promise<void> {
  const kept = [...read, ...checkpointsRead([judgeSta, judgeSim, judgeFl])];
  if (scores !== undefined) {
    await checkOutput('--scores', scores, kept);
    scoreLines(scores, []);
  }
  if (out === undefined) return;
  await checkOutput('--out', out, kept);
  if (/\.(jsonl|csv|tsv)$/i.test(out)) {
    throw new UsageError(
      `--out ${out}: the report is Markdown, so name it .md; --scores writes the scores of every row.`,
    );
  }
}

async function evaluate(sources: readonly EvaluatedSource[], options: Options): Promise<void> {
  try {
    const judges = await openJudges(options, readConfig().home, sayEvent);
    const { allRows = false, scores } = options;
    const request = { judges, allRows, scores, onRows: progressLine(sources) };
    const report = await evaluateSources(sources, request).finally(() => judges.close());
    // Printed first: the figures must survive a file that cannot be written.
    if (options.json) process.stdout.write(`${JSON.stringify(report, null, 2)}\n`);
    else printEvaluation(report);
    if (options.out !== undefined) {
      const markdown = evaluationMarkdown(report);
      await writeWholeFile(options.out, (file) => file.writeFile(markdown));
    }
  } finally {
    for (const source of sources) source.close();
  }
}

function checkSystems(files: readonly string[], runs: readonly string[]): void {
  if (files.length > 0 && runs.length > 0) throw new UsageError('Give files or --run, not both.');
  const count = files.length + runs.length;
  if (count === 0) throw new UsageError('Give a file of pairs (columns src and out), or a finished run with --run.');
  if (count > MOST_SYSTEMS) throw new UsageError(`Of ${count} systems, two at most can be compared.`);
}

/** @throws UsageError for options about files, where no file is read */
function rejectFileOptions({ format, ...options }: Options): void {
  const given = [...(format === undefined ? [] : ['--format']), ...dialectOptionsGiven(options)];
  if (given.length > 0) throw new UsageError(`${given.join(', ')}: of no effect with --run, which reads no files.`);
}

/** A line every few seconds: judging a large run takes long. */
function progressLine(sources: readonly EvaluatedSource[]): (rows: number) => void {
  let rows = 0;
  let lastMs = performance.now();
  return (more) => {
    rows += more;
    if (performance.now() - lastMs < SAY_EVERY_MS) return;
    lastMs = performance.now();
    const share = sources[0]?.share() ?? null;
    const part = share === null ? '' : `, ${Math.floor(100 * share)} % read`;
    process.stderr.write(`${counted(rows, 'row')} judged${part}\n`);
  };
}

function collect(value: string, before: readonly string[] | undefined): string[] {
  return [...(before ?? []), value];
}

function names(value: string): string[] {
  return value
    .split(',')
    .map((name) => name.trim())
    .filter((name) => name !== '');
}

/** The report for people, on stdout; warnings too, since the figures mean little without them. */
function printEvaluation(report: EvaluationReport): void {
  const { names, rows } = figuresTable(report);
  const counts = countsTable(report).map((cells) => names.map((_, at) => cells[at] ?? ''));
  const lines = [
    describeRows(report),
    '',
    outputTable(names, [...rows, ...counts], { overflow: 'wrap' }),
    '',
    ...describeJudges(report).map(([part, judge]) => `  ${part.padEnd(4)} judged by ${judge}`),
    ...report.systems.flatMap(({ name, models }) =>
      Object.entries(models).map(
        ([role, model]) => `  ${name}: ${role} ${model.name} (${model.precision}, sha256 ${model.digest.slice(0, 12)})`,
      ),
    ),
    '',
    ...report.protocol,
    ...report.warnings.flatMap((warning) => ['', `Warning: ${warning}`]),
  ];
  process.stdout.write(`${lines.join('\n')}\n`);
}

/** Which checkpoints judge rewrites, of `evaluate`. */
function addJudgeOptions(command: Command): Command {
  return command
    .option('--judge-sta <checkpoint>', 'classifier that finds toxic texts', JUDGES.judgeSta)
    .option(
      '--toxic-label <name>',
      'label of --judge-sta that means toxic (default: toxic, or the only one that is usual)',
    )
    .option('--judge-sim <checkpoint>', 'encoder of sentences', JUDGES.judgeSim)
    .option('--judge-fl <checkpoint>', 'classifier with a label acceptable', JUDGES.judgeFl)
    .addOption(new Option('--precision <precision>', 'of the judges').choices(['int8', 'fp32']).default('fp32'));
}
