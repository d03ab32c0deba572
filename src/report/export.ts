import type { FileHandle } from 'node:fs/promises';
import { extname } from 'node:path';
import Papa from 'papaparse';
import { UsageError } from '../contract/errors.ts';
import type { Outcome, RowError, RowResult } from '../contract/outcome.ts';
import type { JsonObject } from '../contract/row.ts';
import { writeWholeFile } from './whole-file.ts';

/** One line of an export: a result, or a row error under the outcome `failed`. */
export interface ExportRow {
  readonly row_no: number;
  readonly row_key: string | null;
  readonly outcome: Outcome | 'failed';
  /** The text as it came; null for a failed row, which may never have been text. */
  readonly text: string | null;
  /**
   * The text to go on with: the source where it was clean, the rewrite where it was detoxified;
   * null where no text is known to be clean.
   */
  readonly cleaned: string | null;
  /** The rewrite, also of rows that are still toxic. */
  readonly detoxified: string | null;
  readonly toxicity_before: number | null;
  readonly toxicity_after: number | null;
  readonly similarity: number | null;
  /** `stage/code` of a failed row. */
  readonly error: string | null;
  readonly meta: JsonObject | null;
}

const COLUMNS = [
  'row_no',
  'row_key',
  'outcome',
  'text',
  'cleaned',
  'detoxified',
  'toxicity_before',
  'toxicity_after',
  'similarity',
  'error',
  'meta',
] as const satisfies readonly (keyof ExportRow)[];

const FORMATS = ['.jsonl', '.csv', '.tsv'] as const;
type ExportFormat = (typeof FORMATS)[number];

const ROWS_PER_WRITE = 500;
/** What spreadsheets take for a formula: https://owasp.org/www-community/attacks/CSV_Injection */
const FORMULA = /^[=+\-@\t\r\n\uff0b\uff0d\uff1d\uff20]/;

interface ExportOptions {
  /**
   * Puts an apostrophe before cells of CSV and TSV that a spreadsheet would take for a formula. Changes the text, so
   * the default is false: an export is data, and comes back as it went out.
   */
  readonly csvSafe?: boolean;
}

/** By the file's ending. @throws UsageError for another ending, before anything is read */
export function exportFormat(path: string): ExportFormat {
  const ending = extname(path).toLowerCase();
  const format = FORMATS.find((known) => known === ending);
  if (format === undefined) {
    throw new UsageError(`Cannot export to ${path}: the ending must be ${FORMATS.join(', ')}.`);
  }
  return format;
}

/**
 * Writes an export to a file, which appears only when it is complete (temporary name, then rename).
 *
 * @param rows in the order in which they are to be written
 * @returns rows written
 */
export async function exportToFile(
  path: string,
  rows: AsyncIterable<ExportRow>,
  options: ExportOptions = {},
): Promise<number> {
  const format = exportFormat(path);
  return writeWholeFile(path, (file) => exportTo(file, format, rows, options));
}

async function exportTo(
  file: FileHandle,
  format: ExportFormat,
  rows: AsyncIterable<ExportRow>,
  { csvSafe = false }: ExportOptions,
): Promise<number> {
  let count = 0;
  let buffer: ExportRow[] = [];
  const flush = async (): Promise<void> => {
    if (buffer.length > 0) await file.appendFile(encode(buffer, format, csvSafe));
    buffer = [];
  };
  if (format !== '.jsonl') await file.appendFile(delimited([[...COLUMNS]], format, false));
  for await (const row of rows) {
    buffer.push(row);
    count += 1;
    if (buffer.length === ROWS_PER_WRITE) await flush();
  }
  await flush();
  return count;
}

/** Results and row errors, both by row number, as one sequence by row number. */
export async function* mergeByRow(
  results: AsyncIterable<RowResult>,
  errors: AsyncIterable<RowError>,
): AsyncGenerator<ExportRow> {
  const failed = errors[Symbol.asyncIterator]();
  let next = await failed.next();
  for await (const result of results) {
    while (!next.done && next.value.rowNo < result.rowNo) {
      yield failedRow(next.value);
      next = await failed.next();
    }
    yield resultRow(result);
  }
  while (!next.done) {
    yield failedRow(next.value);
    next = await failed.next();
  }
}

function resultRow(result: RowResult): ExportRow {
  return {
    row_no: result.rowNo,
    row_key: result.rowKey,
    outcome: result.outcome,
    text: result.text,
    cleaned: cleanedText(result),
    detoxified: result.detoxified,
    toxicity_before: result.toxicityBefore,
    toxicity_after: result.toxicityAfter,
    similarity: result.similarity,
    error: null,
    meta: result.meta,
  };
}

function cleanedText(result: RowResult): string | null {
  if (result.outcome === 'clean') return result.text;
  return result.outcome === 'detoxified' ? result.detoxified : null;
}

function failedRow(error: RowError): ExportRow {
  return {
    row_no: error.rowNo,
    row_key: error.rowKey,
    outcome: 'failed',
    text: null,
    cleaned: null,
    detoxified: null,
    toxicity_before: null,
    toxicity_after: null,
    similarity: null,
    error: `${error.stage}/${error.code}`,
    meta: null,
  };
}

function encode(rows: readonly ExportRow[], format: ExportFormat, csvSafe: boolean): string {
  if (format === '.jsonl') return rows.map((row) => `${JSON.stringify(row)}\n`).join('');
  return delimited(
    rows.map((row) =>
      COLUMNS.map((column) => (column === 'meta' && row.meta !== null ? JSON.stringify(row.meta) : row[column])),
    ),
    format,
    csvSafe,
  );
}

function delimited(rows: unknown[][], format: '.csv' | '.tsv', csvSafe: boolean): string {
  const escapeFormulae = csvSafe ? FORMULA : false;
  return `${Papa.unparse(rows, { delimiter: format === '.csv' ? ',' : '\t', newline: '\n', escapeFormulae })}\n`;
}
