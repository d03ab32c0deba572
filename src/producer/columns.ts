import { UsageError } from '../contract/errors.ts';
import type { JsonValue } from '../contract/row.ts';
import { type ColumnMeasure, measureColumn } from './column-measure.ts';
import type { HeaderCheck } from './column-names.ts';
import {
  CERTAIN,
  DOUBTFUL,
  findColumn,
  isNamedAfter,
  listColumns,
  looksLikeName,
  missingColumn,
  snakeCase,
  USUAL,
} from './column-names.ts';
import { holdsMore, RIVAL_TIMES, rivalOf, standsBeside } from './text-rivals.ts';

/** A dataset's columns as its first rows show them. */
export interface ColumnSample {
  /** For messages. */
  readonly file: string;
  readonly columns: readonly string[];
  /** Rows that were looked at. */
  readonly rows: number;
  /** Values of a column in the first rows; JSON rows that lack it have none. */
  values(column: string): readonly JsonValue[];
  /** Whether the names are names; those of JSON always are. */
  readonly header?: HeaderCheck | undefined;
  /** Columns without a name in the header: their places, from 1, and their values. */
  readonly unnamed?: readonly { readonly place: number; readonly values: readonly JsonValue[] }[] | undefined;
}

interface TextChoice {
  readonly column: string;
  /** Columns that it was guessed from; null where it was named. */
  readonly guessedFrom: number | null;
  /** The first line was taken as the header, and may be a row. */
  readonly isHeaderDoubtful: boolean;
}

/** `--id-column`, or a column called `id`, or null. Throws UsageError when a named column is not there. */
export function chooseIdColumn(sample: ColumnSample, asked: string | undefined): string | null {
  if (asked === undefined) return findColumn(sample.columns, 'id');
  return findColumn(sample.columns, asked) ?? missingColumn(sample, asked, '--id-column');
}

/**
 * The column that was asked for (by `option`), or a usual name, or the only column of strings; `before` is what was
 * guessed for another file of the dataset. A guess is refused where another column holds clearly more words.
 *
 * @throws UsageError when unsure, with the columns
 */
export function chooseTextColumn(
  sample: ColumnSample,
  {
    asked,
    before,
    option = '--text-column',
  }: {
    asked?: string | undefined;
    before?: { readonly column: string; readonly file: string } | undefined;
    option?: string | undefined;
  },
  idColumn: string | null,
): TextChoice {
  if (asked !== undefined) {
    return {
      column: findColumn(sample.columns, asked) ?? missingColumn(sample, asked, option),
      guessedFrom: null,
      isHeaderDoubtful: false,
    };
  }
  const columns = new Map(
    sample.columns.map((column) => [column, measureColumn(sample.values(column), sample.rows)] as const),
  );
  const column =
    before === undefined
      ? guessColumn(sample, columns, idColumn)
      : (findColumn(sample.columns, before.column) ??
        missingColumn(sample, before.column, `the text column of ${before.file}`));
  requireStrings(sample, columns, column);
  requireNamed(sample, columns, column);
  if (before !== undefined || isUsual(column)) requireNoRival(sample, columns, column, idColumn);
  const isSure = before !== undefined || isUsual(column, [CERTAIN, USUAL]);
  return {
    column,
    guessedFrom: sample.columns.length,
    isHeaderDoubtful: !isSure && sample.header?.doubt === 'doubtful',
  };
}

function guessColumn(
  sample: ColumnSample,
  columns: ReadonlyMap<string, ColumnMeasure>,
  idColumn: string | null,
): string {
  const named = usualColumn(sample, columns);
  if (named !== null && isUsual(named, [CERTAIN, USUAL])) return named;
  const { doubt, isProven } = sample.header ?? { doubt: 'none', isProven: false };
  if (doubt === 'likely' || !(isProven || sample.columns.every(looksLikeName))) {
    throw new UsageError(
      `${sample.file}: its first line does not look like a header (names of columns). ` +
        'Put one above the data, or name the text column with --text-column, or read lines as they are with --format txt',
    );
  }
  if (named !== null) return named;
  const [first] = sample.columns;
  if (first !== undefined && sample.columns.length === 1) return first;
  // Numbers may count something; in objects and lists under a usual name is the text.
  for (const column of sample.columns) {
    const isNested = /objects|lists/.test(columns.get(column)?.noStrings ?? '');
    if (isNested && isUsual(column)) requireStrings(sample, columns, column);
  }
  const strings = sample.columns.filter((column) => column !== idColumn && columns.get(column)?.hasStrings === true);
  // Beside times, keys and links a column of phrases is the only one of text.
  const phrases = strings.filter((column) => {
    const measure = columns.get(column);
    return isUsual(column) || (measure !== undefined && measure.words > 0);
  });
  const [only, ...others] = strings.length > 1 ? phrases : strings;
  const measure = only === undefined ? undefined : columns.get(only);
  const isUnclear = measure === undefined || measure.isIds || (strings.length > 1 && !measure.hasPhrases);
  if (only === undefined || others.length > 0 || isUnclear) {
    throw unsure(sample, 'cannot tell which column holds the text');
  }
  requireNamed(sample, columns, only);
  if (measure.isFewValues || (measure.isLabels && standsBeside(only))) {
    throw unsure(
      sample,
      `${nameOf(sample, only)} is the only column of strings, and holds labels or the like, not text`,
    );
  }
  return only;
}

/** The first of the usual names that holds text. @throws UsageError where two of them may be it */
function usualColumn(sample: ColumnSample, columns: ReadonlyMap<string, ColumnMeasure>): string | null {
  const present = (names: readonly string[]): string[] =>
    names.flatMap((name) => {
      const column = findColumn(sample.columns, name) ?? sample.columns.find((other) => snakeCase(other) === name);
      const holdsText = column !== undefined && (sample.columns.length === 1 || columns.get(column)?.isIds === false);
      return holdsText ? [column] : [];
    });
  const [certain] = present(CERTAIN);
  if (certain !== undefined) return certain;
  const [usual, ...others] = present(USUAL);
  if (usual !== undefined) {
    const words = columns.get(usual)?.words ?? 0;
    const alike = others.filter(
      (other) =>
        other !== usual && !isNamedAfter(other, usual) && (columns.get(other)?.words ?? 0) * RIVAL_TIMES > words,
    );
    if (alike.length === 0) return usual;
    throw unsure(sample, `${quoted([usual, ...alike])} may each be the text`);
  }
  const doubtful = present(DOUBTFUL).find((column) => columns.get(column)?.hasPhrases);
  return doubtful ?? null;
}

function isUsual(column: string, lists = [CERTAIN, USUAL, DOUBTFUL]): boolean {
  const names = [column.toLowerCase(), snakeCase(column)];
  return lists.some((usual) => names.some((name) => usual.includes(name)));
}

/** @throws UsageError where a column has values in the first rows, and none is a string: every row would fail */
function requireStrings(sample: ColumnSample, columns: ReadonlyMap<string, ColumnMeasure>, column: string): void {
  const kinds = columns.get(column)?.noStrings ?? null;
  if (kinds === null) return;
  const nested = /objects|lists/.test(kinds)
    ? '; first write the text into a column of strings, one row per line (jq)'
    : '';
  throw unsure(sample, `the values of ${quoted([column])} are ${kinds}, not strings${nested}`);
}

/** @throws UsageError where a column without a name holds the words */
function requireNamed(sample: ColumnSample, columns: ReadonlyMap<string, ColumnMeasure>, guessed: string): void {
  const own = columns.get(guessed);
  for (const { place, values } of sample.unnamed ?? []) {
    const measure = measureColumn(values, sample.rows);
    if (own === undefined || !(own.isIds || own.isLabels ? measure.words > own.words : holdsMore(measure, own)))
      continue;
    throw new UsageError(
      `${sample.file}: the header has no name for column ${place}, which holds more text than ${nameOf(sample, guessed)}; ` +
        'give it a name, or name the text column with --text-column; ' +
        'where the line above the header is a title, say --skip-lines 1',
    );
  }
}

/** @throws UsageError where another column holds clearly more words than the one that was guessed */
function requireNoRival(
  sample: ColumnSample,
  columns: ReadonlyMap<string, ColumnMeasure>,
  guessed: string,
  idColumn: string | null,
): void {
  const rival = rivalOf(columns, sample.rows, guessed, idColumn);
  if (rival === null) return;
  throw unsure(
    sample,
    `${quoted([guessed])} has a usual name, but ${quoted([rival.column])} holds more text ` +
      `(${rival.words.toFixed(1)} words per row, against ${(columns.get(guessed)?.words ?? 0).toFixed(1)})`,
  );
}

function unsure(sample: ColumnSample, why: string): UsageError {
  return new UsageError(
    `${sample.file}: ${why}; name the text column with --text-column. Columns: ${listColumns(sample)}`,
  );
}

/** For a message, which may hold no cell of a row. */
function nameOf({ columns, header }: ColumnSample, column: string): string {
  const isName = (header?.doubt ?? 'none') === 'none' && looksLikeName(column);
  return isName ? quoted([column]) : `the named column ${columns.indexOf(column) + 1}`;
}

function quoted(columns: readonly string[]): string {
  return columns.map((column) => `"${column}"`).join(' and ');
}
