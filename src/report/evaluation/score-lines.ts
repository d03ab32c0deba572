import { extname } from 'node:path';
import Papa from 'papaparse';
import { UsageError } from '../../contract/errors.ts';
import { METRICS, metricsOf } from './metrics.ts';
import type { RowScores } from './score-rows.ts';

/** Turns grades into the lines of a file; numbers only, no text. */
interface ScoreLines {
  readonly header: string;
  of(rows: readonly RowScores[]): string;
}

const FORMATS = ['.jsonl', '.csv', '.tsv'];
const COLUMN_NAMES: Readonly<Record<string, string>> = { softSta: 'soft_sta', softFl: 'soft_fl', softJ: 'soft_j' };

/**
 * One line per row and system, in the format of the file's ending.
 *
 * @throws UsageError for another ending
 */
export function scoreLines(path: string, systems: readonly string[]): ScoreLines {
  const format = extname(path).toLowerCase();
  if (!FORMATS.includes(format)) {
    throw new UsageError(`Cannot write scores to ${path}: the ending must be ${FORMATS.join(', ')}.`);
  }
  const delimiter = format === '.csv' ? ',' : '\t';
  const delimited = (rows: unknown[][]): string => `${Papa.unparse(rows, { delimiter, newline: '\n' })}\n`;
  const columns = [
    'row_no',
    'row_key',
    'system',
    ...METRICS.map((metric) => COLUMN_NAMES[metric] ?? metric),
    'copy',
    'blank',
  ];
  const cells = (rows: readonly RowScores[]): unknown[][] =>
    rows.flatMap((row) =>
      row.outputs.map((scores, at) => {
        const metrics = metricsOf(scores);
        const values = METRICS.map((metric) => (Number.isNaN(metrics[metric]) ? null : round(metrics[metric])));
        return [row.rowNo, row.rowKey, systems[at], ...values, scores.isCopy, scores.isBlank];
      }),
    );
  if (format !== '.jsonl') return { header: delimited([columns]), of: (rows) => delimited(cells(rows)) };
  const object = (values: readonly unknown[]): unknown =>
    Object.fromEntries(columns.map((column, at) => [column, values[at]]));
  return {
    header: '',
    of: (rows) =>
      cells(rows)
        .map((values) => `${JSON.stringify(object(values))}\n`)
        .join(''),
  };
}

/** To six decimals: what float32 vouches for. */
function round(value: number): number {
  return Number(value.toFixed(6));
}
