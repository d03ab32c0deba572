import type { ColumnMeasure } from './column-measure.ts';
import { DOUBTFUL, isNamedAfter, snakeCase } from './column-names.ts';

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

/** A rival has at least this many times the words of the other column, and at least so many per row. */
export const RIVAL_TIMES = 1.5;
const RIVAL_WORDS = 2.5;
const FEW_VALUES_WORDS = 1.8;
/** Texts differ; what belongs to a page or a thread is the same in many rows. */
const RIVAL_DISTINCT = 0.5;

/** A column that may be the text in place of the guessed one. */
interface Rival {
  readonly column: string;
  readonly words: number;
}

/** The other column that holds clearly more words than the one that was guessed, or null. */
export function rivalOf(
  columns: ReadonlyMap<string, ColumnMeasure>,
  rows: number,
  guessed: string,
  idColumn: string | null,
): Rival | null {
  const own = columns.get(guessed);
  if (own === undefined) return null;
  const name = snakeCase(guessed);
  const rivals = [...columns].filter(([column, measure]) => {
    if (column === guessed || column === idColumn || !holdsMore(measure, own)) return false;
    const isShared = rows >= 10 && measure.distinct < RIVAL_DISTINCT * own.distinct;
    if (isShared) return false;
    // Beside labels, a name does not mean that its words belong to them; short texts may have a title.
    if (own.isFewValues || (own.isLabels && rows < 10 && own.distinct < 1)) return !measure.isLabels;
    const rival = snakeCase(column);
    if (standsBeside(column)) return false;
    if (own.isLabels) return !measure.isLabels;
    return !isNamedAfter(column, guessed) && !(DOUBTFUL.includes(name) && COUNTERPART.test(rival));
  });
  const [rival] = rivals.sort(([, a], [, b]) => b.words - a.words);
  return rival === undefined ? null : { column: rival[0], words: rival[1].words };
}

/** Clearly more words. Beside the same few values in every row, little is enough. */
export function holdsMore(measure: ColumnMeasure, own: ColumnMeasure): boolean {
  const least = own.isFewValues ? FEW_VALUES_WORDS : RIVAL_WORDS;
  return measure.words >= Math.max(least, RIVAL_TIMES * own.words) && measure.chars > own.chars;
}

/** `title`, `user_name`, `label`: what stands beside a text, by the last word of the name. */
export function standsBeside(column: string): boolean {
  return BESIDE.has(snakeCase(column).split('_').at(-1) ?? '');
}
