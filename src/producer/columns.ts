import { UsageError } from '../contract/errors.ts';
import type { JsonValue } from '../contract/row.ts';
import { type ColumnMeasure, measureColumn } from './column-measure.ts';

/** A dataset's columns as its first rows show them. */
export interface ColumnSample {
  /** For messages. */
  readonly file: string;
  readonly columns: readonly string[];
  /** Rows that were looked at. */
  readonly rows: number;
  /** Values of a column in the first rows; JSON rows that lack it have none. */
  values(column: string): readonly JsonValue[];
}

export interface TextChoice {
  readonly column: string;
  /** Columns that it was guessed from; null where it was named. */
  readonly guessedFrom: number | null;
}

/** In this order, when no one names the text column. `text` and `comment_text` are rarely anything else. */
const CERTAIN = ['text', 'comment_text'];
/** May also be a remark, a label or a name: taken only where no other of them holds about as much. */
const USUAL = [
  ...['comment', 'comment_body', 'body', 'content', 'tweet', 'tweet_text', 'full_text', 'message', 'message_text'],
  ...['post', 'post_text', 'review', 'review_text', 'review_body', 'sentence', 'utterance'],
];
/** Also names of labels and origins: taken only where a value has words, and no column above is there. */
const DOUBTFUL = ['toxic', 'source'];

/** What stands beside a text, and is often longer than a short one: no rival by its length. Told by the last word of the name. */
const BESIDE = new Set([
  ...['title', 'headline', 'subject', 'url', 'uri', 'link', 'permalink', 'href', 'path', 'file', 'filename', 'domain'],
  ...[
    'author',
    'user',
    'username',
    'name',
    'handle',
    'email',
    'bio',
    'location',
    'place',
    'city',
    'country',
    'address',
  ],
  ...['date', 'datetime', 'time', 'timestamp', 'created', 'updated', 'at', 'id', 'ids', 'key', 'hash', 'uuid'],
  ...[
    'tag',
    'tags',
    'hashtags',
    'keywords',
    'category',
    'categories',
    'topic',
    'topics',
    'label',
    'labels',
    'type',
    'kind',
  ],
  ...['channel', 'subreddit', 'forum', 'thread', 'group', 'site', 'device', 'client', 'agent', 'license', 'version'],
  ...['html', 'json', 'xml', 'tokens', 'lemmas', 'entities', 'metadata', 'meta'],
]);
/** What a source or a toxic sentence was turned into is about as long, and in a few rows much longer. */
const COUNTERPART = /^(neutral|detox|polite|civil|ref|reference|target|tgt|out|output|rewrite|paraphrase|translation)/;

/** A rival has this many times the words, and at least so many per row. */
const RIVAL_TIMES = 1.5;
const RIVAL_WORDS = 2.5;
/** Texts differ; what belongs to a page or a thread is the same in many rows. */
const RIVAL_DISTINCT = 0.5;

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
  }: { asked?: string | undefined; before?: string | undefined; option?: string | undefined },
  idColumn: string | null,
): TextChoice {
  if (asked !== undefined) {
    return { column: findColumn(sample.columns, asked) ?? missingColumn(sample, asked, option), guessedFrom: null };
  }
  const columns = new Map(
    sample.columns.map((column) => [column, measureColumn(sample.values(column), sample.rows)] as const),
  );
  const guessedFrom = sample.columns.length;
  if (before !== undefined) {
    const column = findColumn(sample.columns, before) ?? missingColumn(sample, before, option);
    requireNoRival(sample, columns, column, idColumn);
    return { column, guessedFrom };
  }
  const named = usualColumn(sample, columns);
  if (named !== null) {
    requireNoRival(sample, columns, named, idColumn);
    return { column: named, guessedFrom };
  }
  if (!sample.columns.every(looksLikeName)) {
    throw new UsageError(
      `${sample.file}: its first line does not look like a header (names of columns). ` +
        'Put one above the data, or name the text column with --text-column, or read lines as they are with --format txt',
    );
  }
  const [only, ...others] = sample.columns.filter((column) => {
    const measure = columns.get(column);
    return guessedFrom === 1 || (column !== idColumn && measure?.hasStrings === true);
  });
  if (only !== undefined && others.length === 0 && (guessedFrom === 1 || columns.get(only)?.isIds !== true)) {
    return { column: only, guessedFrom };
  }
  throw unsure(sample, 'cannot tell which column holds the text');
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
  return present(DOUBTFUL).find((column) => columns.get(column)?.hasPhrases) ?? null;
}

/** @throws UsageError where another column holds clearly more words than the one that was guessed */
function requireNoRival(
  sample: ColumnSample,
  columns: ReadonlyMap<string, ColumnMeasure>,
  guessed: string,
  idColumn: string | null,
): void {
  const own = columns.get(guessed);
  if (own === undefined) return;
  const name = snakeCase(guessed);
  const rivals = [...columns].filter(([column, measure]) => {
    if (column === guessed || column === idColumn) return false;
    const rival = snakeCase(column);
    if (BESIDE.has(rival.split('_').at(-1) ?? '') || isNamedAfter(column, guessed)) return false;
    if (DOUBTFUL.includes(name) && COUNTERPART.test(rival)) return false;
    if (sample.rows >= 10 && measure.distinct < RIVAL_DISTINCT * own.distinct) return false;
    return measure.words >= Math.max(RIVAL_WORDS, RIVAL_TIMES * own.words) && measure.chars > own.chars;
  });
  const [rival] = rivals.sort(([, a], [, b]) => b.words - a.words);
  if (rival === undefined) return;
  const [column, { words }] = rival;
  throw unsure(
    sample,
    `${quoted([guessed])} has a usual name, but ${quoted([column])} holds more text ` +
      `(${words.toFixed(1)} words per row, against ${own.words.toFixed(1)})`,
  );
}

function unsure({ file, columns }: ColumnSample, why: string): UsageError {
  return new UsageError(`${file}: ${why}; name the text column with --text-column. Columns: ${listColumns(columns)}`);
}

function quoted(columns: readonly string[]): string {
  return columns.map((column) => `"${column}"`).join(' and ');
}

/** `body_html` of `body`, `clean_text` of `text`: another form of it, not a rival. */
function isNamedAfter(column: string, of: string): boolean {
  const [name, stem] = [snakeCase(column), snakeCase(of)];
  if (CERTAIN.includes(name) || USUAL.includes(name)) return false;
  return name.startsWith(`${stem}_`) || name.endsWith(`_${stem}`);
}

/** `Comment Text`, `commentText` and `comment-text` are `comment_text`. */
function snakeCase(column: string): string {
  return column
    .replace(/([a-z\d])([A-Z])/g, '$1_$2')
    .replace(/[\s.-]+/g, '_')
    .toLowerCase();
}

/** The same name, else the same name in another case. */
export function findColumn(columns: readonly string[], name: string): string | null {
  if (columns.includes(name)) return name;
  const folded = name.toLowerCase();
  return columns.find((column) => column.toLowerCase() === folded) ?? null;
}

/** @throws UsageError that a column, asked for by `option`, is not there, with those that are */
export function missingColumn(
  { file, columns }: { readonly file: string; readonly columns: readonly string[] },
  asked: string,
  option: string,
): never {
  throw new UsageError(`${file}: has no column "${asked}" (${option}). Columns: ${listColumns(columns)}`);
}

/** Names for a message. What does not look like a name may be text of a row, which no message may hold. */
export function listColumns(columns: readonly string[]): string {
  if (columns.length === 0) return 'none';
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
