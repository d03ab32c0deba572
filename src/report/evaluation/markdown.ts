import type { Difference, Estimate } from './evaluation.ts';
import { METRIC_NAMES, METRICS } from './metrics.ts';
import type { EvaluationReport } from './report.ts';

/** In place of the mean of no rows. */
const NOT_MEASURED = '–';

/** Names and cells of the table of figures: a line a metric, a column a system, then differences from the first. */
export function figuresTable({ systems }: EvaluationReport): { names: string[]; rows: string[][] } {
  const [first, ...others] = systems;
  const names = ['', ...systems.map(({ name }) => name)];
  for (const { name } of others) names.push(others.length > 1 ? `${name} less ${first?.name}` : 'difference', 'p');
  const rows = METRICS.map((metric) => [
    METRIC_NAMES[metric],
    ...systems.map(({ metrics }) => estimate(metrics[metric])),
    ...others.flatMap(({ differences }) => (differences === null ? [] : difference(differences[metric]))),
  ]);
  return { names, rows };
}

/** Facts about the systems, by the same columns. */
export function countsTable({ systems }: EvaluationReport): string[][] {
  const lines: [string, number[]][] = [
    ['outputs that are copies', systems.map(({ copies }) => copies)],
    ['outputs without words', systems.map(({ blanks }) => blanks)],
  ];
  return lines
    .filter(([, counts]) => counts.some((count) => count > 0))
    .map(([name, counts]) => [name, ...counts.map(String)]);
}

/** What was read and judged, in a sentence or two. */
export function describeRows({ rows, rowsRead, leftOut, chrfAgainst, chrfRows }: EvaluationReport): string {
  const reasons = Object.entries(leftOut).map(([reason, count]) => `${count} ${reason}`);
  const left = reasons.length === 0 ? '' : `; left out: ${reasons.join(', ')}`;
  const gaps =
    chrfAgainst === 'references' && chrfRows < rows ? ` chrF is of the ${chrfRows} rows with a reference.` : '';
  return `${rows} of ${rowsRead} rows judged${left}.${gaps}`;
}

/** The judges, one line each. */
export function describeJudges({ judges }: EvaluationReport): [string, string][] {
  return (['sta', 'sim', 'fl'] as const).map((part) => {
    const { name, architecture, precision, digest, form } = judges[part];
    const reads = form === 'model' ? 'model form' : 'model form, punctuation joined';
    return [
      METRIC_NAMES[part],
      `${name} (${architecture}, ${precision}, sha256 ${digest.slice(0, 12)}), reads ${reads}`,
    ];
  });
}

export function evaluationMarkdown(report: EvaluationReport): string {
  const { names, rows } = figuresTable(report);
  const counts = countsTable(report).map((cells) => names.map((_, at) => cells[at] ?? ''));
  const lines = [
    '# Evaluation',
    '',
    describeRows(report),
    '',
    ...table(names, [...rows, ...counts]),
    '',
    ...report.warnings.flatMap((warning) => [`**Warning:** ${warning}`, '']),
    '## Judges',
    '',
    ...table(
      ['', 'judge'],
      describeJudges(report).map(([part, judge]) => [part, judge]),
    ),
    '',
    ...systemLines(report),
    '## Protocol',
    '',
    ...report.protocol.map((line) => `- ${line}`),
  ];
  return `${lines.join('\n')}\n`;
}

function systemLines({ systems }: EvaluationReport): string[] {
  const known = systems.filter(({ models }) => Object.keys(models).length > 0);
  if (known.length === 0) return [];
  const rows = known.flatMap(({ name, models }) =>
    Object.entries(models).map(([role, { name: model, precision, digest }]) => [
      name,
      role,
      `${model} (${precision}, sha256 ${digest.slice(0, 12)})`,
    ]),
  );
  return ['## Systems', '', ...table(['system', 'role', 'model'], rows), ''];
}

function table(names: readonly string[], rows: readonly (readonly string[])[]): string[] {
  const line = (cells: readonly string[]): string =>
    `| ${cells.map((cell) => cell.replaceAll('|', '\\|')).join(' | ')} |`;
  return [line(names), `|${names.map(() => '---').join('|')}|`, ...rows.map(line)];
}

function estimate({ mean, low, high }: Estimate): string {
  if (Number.isNaN(mean)) return NOT_MEASURED;
  return `${mean.toFixed(3)} (${low.toFixed(3)} to ${high.toFixed(3)})`;
}

function difference({ mean, low, high, p }: Difference): [string, string] {
  if (Number.isNaN(mean)) return [NOT_MEASURED, NOT_MEASURED];
  return [`${signed(mean)} (${signed(low)} to ${signed(high)})`, p.toFixed(4)];
}

function signed(value: number): string {
  const shown = value.toFixed(3);
  if (Number(shown) === 0) return '0.000';
  return value > 0 ? `+${shown}` : shown;
}
