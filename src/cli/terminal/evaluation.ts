import { countsTable, describeJudges, describeRows, type EvaluationReport, figuresTable } from '../../report/index.ts';
import { outputTable } from './table.ts';

/** The report for people, on stdout; warnings too, since the figures mean little without them. */
export function printEvaluation(report: EvaluationReport): void {
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
