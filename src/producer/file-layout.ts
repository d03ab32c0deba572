import { DatasetError } from '../contract/errors.ts';
import { isObject, type JsonValue } from '../contract/row.ts';
import { findColumn } from './column-names.ts';
import { type ColumnSample, chooseIdColumn, chooseTextColumn } from './columns.ts';
import { escapedBytes } from './decode.ts';
import { quoteAdvice } from './dialect.ts';
import { checkHeader } from './header-doubt.ts';
import { requireObjectPerLine } from './json-per-line.ts';
import type { RawRecord } from './record.ts';
import type { ReadOptions } from './records.ts';
import { createDelimitedRowReader } from './row-delimited.ts';
import { createJsonRowReader, parseLine } from './row-json.ts';
import { notEncoded, type RowReader } from './row-reader.ts';
import { createTextRowReader } from './row-text.ts';
import { requireNoOtherMark } from './whole-lines.ts';

/** The layout of a file, by its first records. */
export interface FileLayout {
  /** Names of the columns; empty for lines of text and bare JSON strings. */
  readonly columns: readonly string[];
  readonly textColumn: string | null;
  /** Columns that the text column was guessed from; null where it was named, or without columns. */
  readonly guessedFrom: number | null;
  readonly idColumn: string | null;
  /** Requested columns that are not in the first rows of JSON. */
  readonly unseen: readonly string[];
  /** Whether the first record is a header. */
  readonly hasHeader: boolean;
  readonly read: RowReader;
}

export interface ColumnChoice {
  readonly textColumn: string | undefined;
  /** What was guessed for another file of the dataset. */
  readonly textColumnBefore?: { readonly column: string; readonly file: string } | undefined;
  /** The option that set it, for messages. */
  readonly textColumnOption?: string | undefined;
  readonly idColumn: string | undefined;
}

/** Rows by which columns are judged. */
export const SAMPLE_ROWS = 100;

/** A file without rows: of several, it is left out. */
export class EmptyFileError extends DatasetError {}

const NO_COLUMNS = { columns: [], textColumn: null, guessedFrom: null, idColumn: null, unseen: [], hasHeader: false };

/**
 * Throws EmptyFileError for a file without rows, DatasetError for one with a broken header, or that is certainly not of
 * its format, UsageError when the text column is unclear.
 */
export function layoutOf(
  name: string,
  reading: ReadOptions,
  records: readonly RawRecord[],
  choice: ColumnChoice,
): FileLayout {
  const { format, dialect } = reading;
  const { skipLines = 0 } = dialect;
  if (records.length === 0) {
    throw new EmptyFileError(`${name}: is empty (no rows${skipLines > 0 ? ` after --skip-lines ${skipLines}` : ''})`);
  }
  if (format === 'txt') return { ...NO_COLUMNS, read: createTextRowReader(name, reading) };
  if (format === 'jsonl') return jsonLayout(name, records.slice(0, SAMPLE_ROWS), choice, reading);
  return delimitedLayout(name, records.slice(0, SAMPLE_ROWS + 1), choice, reading);
}

function delimitedLayout(
  name: string,
  records: readonly RawRecord[],
  choice: ColumnChoice,
  reading: ReadOptions,
): FileLayout {
  const [header, ...rows] = records;
  if (header === undefined || header.problem !== null) {
    const reason =
      header?.problem === 'bad_quotes'
        ? `has quotes that do not match; ${quoteAdvice(reading.dialect)}`
        : 'is too long';
    throw new DatasetError(`${name}, line ${header?.line ?? 1}: the header ${reason}`);
  }
  const names = header.fields.map((field) => field.trim());
  if (names.some((column) => column.includes('\0'))) {
    throw new DatasetError(
      `${name}, line ${header.line}: the header holds NUL, so the file is binary or UTF-16; for text, say --encoding utf-16le or utf-16be`,
    );
  }
  if (names.some((column) => escapedBytes(column) !== null)) {
    throw new DatasetError(`${name}, line ${header.line}: the header ${notEncoded(reading.dialect)}`);
  }
  const twice = names.findIndex((column, index) => column !== '' && names.indexOf(column) !== index);
  if (twice !== -1) {
    const places = names.flatMap((column, index) => (column === names[twice] ? [index + 1] : []));
    throw new DatasetError(
      `${name}, line ${header.line}: columns ${places.join(' and ')} of the header have the same name; rename one`,
    );
  }
  const unnamed = new Set(names.flatMap((column, index) => (column === '' ? [index] : [])));
  if (unnamed.size === names.length) throw new DatasetError(`${name}, line ${header.line}: the header has no names`);
  const columns = names.map((column, index) => (column === '' ? freeName(names, index) : column));
  if (rows.length === 0) throw new EmptyFileError(`${name}: has a header and no rows`);

  const isNamed = choice.textColumn !== undefined && findColumn(columns, choice.textColumn) !== null;
  if (columns.length === 1 && reading.dialect.delimiter === undefined && !isNamed) requireNoOtherMark(name, records);
  requireNoRowNames(name, rows, columns.length);
  requireNoTitle(name, header, rows);
  requireSomeFit(name, rows, columns.length);
  const fitting = rows.filter(({ fields }) => fields.length === columns.length);
  const sample: ColumnSample = {
    file: name,
    header: checkHeader(names, (index) => fitting.map(({ fields }) => fields[index] ?? '')),
    columns: columns.filter((_, index) => !unnamed.has(index)),
    rows: rows.length,
    values: (column) => rows.map((row) => row.fields[columns.indexOf(column)] ?? ''),
    unnamed: [...unnamed].map((index) => ({ place: index + 1, values: rows.map(({ fields }) => fields[index] ?? '') })),
  };
  const idColumn = chooseIdColumn(sample, choice.idColumn);
  const text = chooseTextColumn(sample, textRequest(choice), idColumn);
  if (text.isHeaderDoubtful) {
    reading.onNote(
      `${name}: its first line was taken as the header, and may be a row; ` +
        'where it is one, put a header above it, or read lines as they are with --format txt',
    );
  }
  const layout = {
    columns,
    textIndex: columns.indexOf(text.column),
    idIndex: idColumn === null ? null : columns.indexOf(idColumn),
    unnamed,
  };
  const read = createDelimitedRowReader(name, layout, reading);
  const { column: textColumn, guessedFrom } = text;
  return { columns: sample.columns, textColumn, guessedFrom, idColumn, unseen: [], hasHeader: true, read };
}

/** One field, and rows that all have the same larger number: a title or a comment above a table. Throws DatasetError. */
function requireNoTitle(name: string, header: RawRecord, rows: readonly RawRecord[]): void {
  const count = rows[0]?.fields.length ?? 0;
  if (header.fields.length > 1 || count < 2 || rows.length < 2) return;
  if (rows.some(({ problem, fields }) => problem !== null || fields.length !== count || fields[1] === '')) return;
  throw new DatasetError(
    `${name}, line ${header.line}: the header has 1 column, and each of the first ${rows.length} rows has ${count}; ` +
      `quote fields that hold the delimiter, or, if a title or a comment stands above the header, say --skip-lines ${header.lastLine}`,
  );
}

/** Where so many rows all have another number of fields than the header, it is not the header of these rows. */
const MANY_ROWS = 10;

function requireSomeFit(name: string, rows: readonly RawRecord[], columns: number): void {
  const counts = rows.map(({ fields }) => fields.length);
  if (rows.length < MANY_ROWS || rows.some(({ problem, fields }) => problem !== null || fields.length === columns))
    return;
  if (counts.some((count) => count > columns) && rows.some(({ fields }) => fields[columns] === '')) return;
  const seen = [...new Set(counts)].sort((a, b) => a - b).slice(0, 5);
  throw new DatasetError(
    `${name}: the header has ${columns} columns, and none of the first ${rows.length} rows has (they have ${seen.join(', ')}); ` +
      'name every column in the header, check the delimiter (--delimiter), and leave out lines above the header (--skip-lines)',
  );
}

/**
 * R's `write.table` and pandas' `index_label=False` write the names of the rows without a name above them: every row
 * has one field more than the header, and the first is another one in each. Throws DatasetError.
 */
function requireNoRowNames(name: string, rows: readonly RawRecord[], columns: number): void {
  const firsts = rows.map(({ fields }) => fields[0] ?? '');
  if (rows.length < 2 || rows.some(({ fields }) => fields.length !== columns + 1)) return;
  // Without an empty last one, each row is an error that says so.
  if (!rows.some(({ fields }) => fields.at(-1) === '')) return;
  if (new Set(firsts).size < rows.length || firsts.some((first) => /\s/.test(first.trim()))) return;
  throw new DatasetError(
    `${name}: every row has one field more than the header, as when its first field is the name of the row ` +
      "(R's write.table, pandas' index); put a name for it at the start of the header, " +
      'or, where a delimiter ends every row, one at the end of the header, too',
  );
}

function textRequest({ textColumn, textColumnBefore, textColumnOption }: ColumnChoice) {
  return { asked: textColumn, before: textColumnBefore, option: textColumnOption };
}

/** `column_3` for the third column, as pandas' unnamed index column needs one. */
function freeName(names: readonly string[], index: number): string {
  let name = `column_${index + 1}`;
  while (names.includes(name)) name += '_';
  return name;
}

function jsonLayout(
  name: string,
  records: readonly RawRecord[],
  choice: ColumnChoice,
  reading: ReadOptions,
): FileLayout {
  requireObjectPerLine(name, records);
  const objects: { readonly [key: string]: JsonValue }[] = [];
  let strings = 0;
  for (const record of records) {
    const parsed = record.problem === null ? parseLine(record.fields[0] ?? '', false) : { fault: record.problem };
    if ('fault' in parsed) continue;
    if (typeof parsed.asWritten === 'string') strings += 1;
    else if (isObject(parsed.asWritten)) objects.push(parsed.asWritten);
  }
  if (objects.length + strings === 0) {
    throw new DatasetError(
      `${name}, line ${records[0]?.line ?? 1}: none of the first ${records.length} lines is a JSON object or string; ` +
        'JSONL has one object a line (of an array: jq -c .[] FILE); another format is read with --format',
    );
  }
  if (objects.length === 0 && choice.textColumn === undefined) {
    const read = createJsonRowReader(name, { textColumn: null, idColumn: null }, reading);
    return { ...NO_COLUMNS, read };
  }
  const sample: ColumnSample = {
    file: name,
    columns: [...new Set(objects.flatMap((object) => Object.keys(object)))],
    rows: objects.length,
    values: (column) => objects.flatMap((object) => (Object.hasOwn(object, column) ? [object[column] ?? null] : [])),
  };
  // A named column may come later, since rows of JSON need not have every column.
  const isUnseen = (asked: string | undefined): asked is string =>
    asked !== undefined && findColumn(sample.columns, asked) === null;
  const { textColumn: asked, idColumn: askedId } = choice;
  const idColumn = isUnseen(askedId) ? askedId : chooseIdColumn(sample, askedId);
  const { column: textColumn, guessedFrom } = isUnseen(asked)
    ? { column: asked, guessedFrom: null }
    : chooseTextColumn(sample, textRequest(choice), idColumn);
  const read = createJsonRowReader(name, { textColumn, idColumn }, reading);
  const unseen = [asked, askedId].filter(isUnseen);
  return { columns: sample.columns, textColumn, guessedFrom, idColumn, unseen, hasHeader: false, read };
}
