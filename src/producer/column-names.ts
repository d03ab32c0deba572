import { UsageError } from '../contract/errors.ts';

/** Used in this order when the text column is not named. `text` and `comment_text` are rarely anything else. */
export const CERTAIN = ['text', 'comment_text'];
/** May also be a remark, a label or a name: taken only where no other of them holds about as much. */
export const USUAL = [
  ...['comment', 'comment_body', 'body', 'content', 'tweet', 'tweet_text', 'full_text', 'message', 'message_text'],
  ...['post', 'post_text', 'review', 'review_text', 'review_body', 'sentence', 'utterance'],
];
/** Also names of labels and origins: taken only where a value has words, and no column above is there. */
export const DOUBTFUL = ['toxic', 'source'];

/** `body_html` of `body`, `clean_text` of `text`: another form of it, not a rival. */
export function isNamedAfter(column: string, of: string): boolean {
  const [name, stem] = [snakeCase(column), snakeCase(of)];
  if (CERTAIN.includes(name) || USUAL.includes(name)) return false;
  return name.startsWith(`${stem}_`) || name.endsWith(`_${stem}`);
}

/** `Comment Text`, `commentText` and `comment-text` are `comment_text`. */
export function snakeCase(column: string): string {
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

/** Whether the first line of a table may be a row: `none` where nothing suggests it. */
export type HeaderDoubt = 'none' | 'doubtful' | 'likely';

export interface HeaderCheck {
  readonly doubt: HeaderDoubt;
  /** A word stands above numbers, dates or keys only: whatever else it says, the line is a header. */
  readonly isProven: boolean;
}

/** Columns for a message. */
interface Listed {
  readonly columns: readonly string[];
  readonly header?: HeaderCheck | undefined;
}

/** @throws UsageError that a column, asked for by `option`, is not there, with those that are */
export function missingColumn(from: Listed & { readonly file: string }, asked: string, option: string): never {
  throw new UsageError(`${from.file}: has no column "${asked}" (${option}). Columns: ${listColumns(from)}`);
}

/** Names for a message. What does not look like a name may be text of a row, which no message may hold. */
export function listColumns({ columns, header }: Listed): string {
  if (columns.length === 0) return 'none';
  if (header !== undefined && header.doubt !== 'none') {
    const count = columns.length === 1 ? 'one' : String(columns.length);
    return `${count}, not shown: the first line may be a row; does the file have a header?`;
  }
  const shown = columns.slice(0, 30).map((column, index) => {
    return looksLikeName(column) ? column : `(column ${index + 1}: not a name; does the file have a header?)`;
  });
  return columns.length > 30 ? `${shown.join(', ')}, and ${columns.length - 30} more` : shown.join(', ');
}

export function looksLikeName(column: string): boolean {
  // Names may say more in brackets: "text (raw, en)".
  const plain = column.replace(/\([^()]*\)/g, '');
  return column.length <= 40 && column.split(/\s+/).length <= 4 && !/[,;|\t\n"!?]|\.$/.test(plain);
}
