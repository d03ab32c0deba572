import { DatasetError, UsageError } from '../contract/errors.ts';
import { isRejected } from '../contract/row.ts';
import { openDataset } from '../producer/dataset.ts';

/** `# a comment`; `#word` is a word. */
const COMMENT = /^#(?:\s|$)/;

export interface Lexicon {
  /** Each once, in their order, without spaces around. */
  readonly words: readonly string[];
  /** Lines that start with `#` and a space. */
  readonly comments: number;
  /** Lines that are taken as they stand, and look like something else; null without such a line. */
  readonly doubtful: { readonly line: number; readonly form: string; readonly count: number } | null;
}

/** What a lexicon must be, for messages. */
export const LEXICON_FORM = 'It must have one word or phrase on a line, without quotes, and nothing else.';

/** What a line looks like, if it is not one word or phrase. */
function otherForm(word: string): string | null {
  if (/^\[.*[\],]$|^\{.*[},]$|^[[{]$|^".*"\s*:/.test(word)) return 'it looks like JSON';
  if (/^(["']).*\1,?$/.test(word) || /^[“«„].*[”»“],?$/.test(word)) return 'its words stand in quotes';
  if (word.includes('\t')) return 'it looks like a table with tabs';
  if (/\S[,;|]/.test(word)) return 'it looks like CSV, or several words';
  return null;
}

/**
 * The words of a lexicon: one per line, without blank lines and comments. It is read like a dataset of lines, also from gzip or zstd.
 *
 * @throws UsageError if it cannot be read as text or has no words, with file and line
 */
export async function readLexicon(file: string): Promise<Lexicon> {
  const words = new Set<string>();
  let comments = 0;
  const others: { readonly line: number; readonly form: string }[] = [];
  if (file === '-') throw new UsageError('--bad-words must be a file: standard input is for rows.');
  try {
    const dataset = await openDataset([file], { format: 'txt' });
    try {
      for await (const batch of dataset.read()) {
        for (const row of batch) {
          if (isRejected(row)) throw unreadable(file, row.fault.message);
          if (row.meta !== null) throw unreadable(file, `line ${row.rowNo + 1}: holds NUL or half a character`);
          const word = row.text.trim();
          if (COMMENT.test(word)) comments++;
          else if (word !== '') {
            const form = otherForm(word);
            if (form !== null) others.push({ line: row.rowNo + 1, form });
            words.add(word);
          }
        }
      }
    } finally {
      dataset.close();
    }
  } catch (cause) {
    if (!(cause instanceof DatasetError)) throw cause;
    throw unreadable(file, cause.message, cause);
  }
  if (words.size === 0) throw new UsageError(`The lexicon ${file} has no words: it must have one on a line.`);
  const [first] = others;
  // Where one line of many looks so, it may be meant.
  if (first !== undefined && 2 * others.length > words.size) {
    throw new UsageError(`The lexicon ${file}, line ${first.line}: ${first.form}. ${LEXICON_FORM}`);
  }
  const doubtful = first === undefined ? null : { ...first, count: others.length };
  return { words: [...words], comments, doubtful };
}

/** What to do with a source, which its message ends with, is not what to do with a lexicon. */
function unreadable(file: string, message: string, cause?: unknown): UsageError {
  const [what = ''] = message.replace(`${file}: `, '').replace(`${file}, `, '').split('; ');
  return new UsageError(
    `The lexicon ${file} cannot be read: ${what}. It must be UTF-8 text, as it is or in gzip or zstd, with one word on a line.`,
    { cause },
  );
}
