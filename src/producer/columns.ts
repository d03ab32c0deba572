import { UsageError } from '../contract/errors.ts';
import type { JsonValue } from '../contract/row.ts';

/** A dataset's columns as its first rows show them. */
export interface ColumnSample {
  /** For messages. */
  readonly file: string;
  readonly columns: readonly string[];
  /** Values of a column in the first rows. */
  values(column: string): readonly JsonValue[];
}

/** In this order, when nobody names the text column. */
const TEXT_COLUMNS = ['text', 'comment_text', 'comment', 'sentence', 'toxic', 'source'];
/** Also names of labels and origins: taken only where a value has words. */
const DOUBTFUL = new Set(['toxic', 'source']);

/** `--id-column`, or a column called `id`, or null. Throws UsageError when a named column is not there. */
export function chooseIdColumn(sample: ColumnSample, asked: string | undefined): string | null {
  if (asked === undefined) return findColumn(sample.columns, 'id');
  return findColumn(sample.columns, asked) ?? missing(sample, asked, '--id-column');
}

/**
 * The column that was asked for (by `option`), or the first of the usual names, or the only column of strings.
 * Throws UsageError when unsure.
 */
export function chooseTextColumn(
  sample: ColumnSample,
  asked: string | undefined,
  idColumn: string | null,
  option = '--text-column',
): string {
  if (asked !== undefined) return findColumn(sample.columns, asked) ?? missing(sample, asked, option);
  for (const name of TEXT_COLUMNS) {
    const column = findColumn(sample.columns, name);
    if (column !== null && (!DOUBTFUL.has(name) || sample.values(column).some(hasWords))) return column;
  }
  if (!sample.columns.every(looksLikeName)) {
    throw new UsageError(
      `${sample.file}: its first line does not look like a header (names of columns). ` +
        'Put one above the data, or name the text column with --text-column, or read lines as they are with --format txt',
    );
  }
  const [only, ...others] = sample.columns.filter(
    (column) => column !== idColumn && (sample.columns.length === 1 || sample.values(column).some(isWordy)),
  );
  if (only !== undefined && others.length === 0) return only;
  throw new UsageError(
    `${sample.file}: cannot tell which column holds the text; name it with --text-column. Columns: ${listed(sample.columns)}`,
  );
}

/** The same name, else the same name in another case. */
export function findColumn(columns: readonly string[], name: string): string | null {
  if (columns.includes(name)) return name;
  const folded = name.toLowerCase();
  return columns.find((column) => column.toLowerCase() === folded) ?? null;
}

/** A column that was asked for by `option`. Throws UsageError, with the columns that there are, when it is not there. */
export function requireColumn(file: string, columns: readonly string[], asked: string, option: string): string {
  return findColumn(columns, asked) ?? missing({ file, columns }, asked, option);
}

function missing(sample: Pick<ColumnSample, 'file' | 'columns'>, asked: string, option: string): never {
  throw new UsageError(`${sample.file}: has no column "${asked}" (${option}). Columns: ${listed(sample.columns)}`);
}

/** Names for a message. What does not look like a name may be text of a row, which no message may hold. */
function listed(columns: readonly string[]): string {
  const shown = columns.slice(0, 30).map((column, index) => {
    return looksLikeName(column) ? column : `(column ${index + 1}: not a name; does the file have a header?)`;
  });
  return columns.length > 30 ? `${shown.join(', ')}, and ${columns.length - 30} more` : shown.join(', ');
}

function looksLikeName(column: string): boolean {
  // Names may say more in brackets: "text (raw, en)".
  const plain = column.replace(/\([^()]*\)/g, '');
  return column.length <= 40 && column.split(/\s+/).length <= 4 && !/[,;|\t\n"!?]|\.$/.test(plain);
}

function hasWords(value: JsonValue): boolean {
  return typeof value === 'string' && /\S\s+\S/.test(value);
}

/** A string that is no number and no truth value: CSV has only strings. */
function isWordy(value: JsonValue): boolean {
  return (
    typeof value === 'string' && !/^([-+]?(\d+\.?\d*|\.\d+)(e[-+]?\d+)?|true|false|null|nan)?$/i.test(value.trim())
  );
}
