import { DatasetError } from '../contract/errors.ts';
import type { JsonValue } from '../contract/row.ts';
import { type ColumnSample, chooseIdColumn, chooseTextColumn } from './columns.ts';
import { escapedBytes } from './decode.ts';
import { quoteAdvice } from './dialect.ts';
import type { RawRecord } from './record.ts';
import type { ReadOptions } from './records.ts';
import { createDelimitedRowReader } from './row-delimited.ts';
import { createJsonRowReader, isObject, parseLine } from './row-json.ts';
import { notEncoded, type RowReader } from './row-reader.ts';
import { createTextRowReader } from './row-text.ts';

/** What the first records of a file say about the rest. */
export interface FileLayout {
  /** Names of the columns; empty for lines of text and bare JSON strings. */
  readonly columns: readonly string[];
  readonly textColumn: string | null;
  readonly idColumn: string | null;
  /** Whether the first record is a header. */
  readonly hasHeader: boolean;
  readonly read: RowReader;
}

export interface ColumnChoice {
  readonly textColumn: string | undefined;
  /** The option that it came by, for messages. */
  readonly textColumnOption?: string | undefined;
  readonly idColumn: string | undefined;
}

/** Rows that columns are told by. */
export const SAMPLE_ROWS = 100;

/** Throws DatasetError for a file without rows or with a broken header, UsageError when the text column is unclear. */
export function layoutOf(
  name: string,
  reading: ReadOptions,
  records: readonly RawRecord[],
  choice: ColumnChoice,
): FileLayout {
  const { format, dialect } = reading;
  const { skipLines = 0 } = dialect;
  if (records.length === 0) {
    throw new DatasetError(`${name}: is empty (no rows${skipLines > 0 ? ` after --skip-lines ${skipLines}` : ''})`);
  }
  if (format === 'txt') {
    const read = createTextRowReader(name, reading);
    return { columns: [], textColumn: null, idColumn: null, hasHeader: false, read };
  }
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
  if (names.some((column) => escapedBytes(column) !== null || column.includes('\0'))) {
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
  if (rows.length === 0) throw new DatasetError(`${name}: has a header and no rows`);

  const sample: ColumnSample = {
    file: name,
    columns: columns.filter((_, index) => !unnamed.has(index)),
    values: (column) => rows.map((row) => row.fields[columns.indexOf(column)] ?? ''),
  };
  const idColumn = chooseIdColumn(sample, choice.idColumn);
  const textColumn = chooseTextColumn(sample, choice.textColumn, idColumn, choice.textColumnOption);
  const layout = {
    columns,
    textIndex: columns.indexOf(textColumn),
    idIndex: idColumn === null ? null : columns.indexOf(idColumn),
    unnamed,
  };
  const read = createDelimitedRowReader(name, layout, reading);
  return { columns: sample.columns, textColumn, idColumn, hasHeader: true, read };
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
    return { columns: [], textColumn: null, idColumn: null, hasHeader: false, read };
  }
  const sample: ColumnSample = {
    file: name,
    columns: [...new Set(objects.flatMap((object) => Object.keys(object)))],
    values: (column) => objects.flatMap((object) => (Object.hasOwn(object, column) ? [object[column] ?? null] : [])),
  };
  const idColumn = chooseIdColumn(sample, choice.idColumn);
  const textColumn = chooseTextColumn(sample, choice.textColumn, idColumn, choice.textColumnOption);
  const read = createJsonRowReader(name, { textColumn, idColumn }, reading);
  return { columns: sample.columns, textColumn, idColumn, hasHeader: false, read };
}
