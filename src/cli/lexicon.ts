import { DatasetError, UsageError } from '../contract/errors.ts';
import { isRejected } from '../contract/row.ts';
import { openDataset } from '../producer/dataset.ts';
import { formatCount, visible } from './format.ts';

/** `# a comment`; `#word` is a word. */
const COMMENT = /^#(?:\s|$)/;

export interface Lexicon {
  /** Each once, in their order, without spaces around. */
  readonly words: readonly string[];
  /** Lines that begin with `#` and a space. */
  readonly comments: number;
}

/**
 * The words of a lexicon: one on a line, blank lines and comments left out. It is read as sources of lines are: also in gzip or zstd.
 *
 * @throws UsageError if it cannot be read as text or has no words, with file and line
 */
export async function readLexicon(file: string): Promise<Lexicon> {
  const words = new Set<string>();
  let comments = 0;
  if (file === '-') throw new UsageError('--bad-words must be a file: standard input is for rows.');
  try {
    const dataset = await openDataset([file], { format: 'txt' });
    try {
      for await (const batch of dataset.batches()) {
        for (const row of batch) {
          if (isRejected(row)) throw unreadable(file, row.fault.message);
          if (row.meta !== null) throw unreadable(file, `line ${row.rowNo + 1}: holds NUL or half a character`);
          const word = row.text.trim();
          if (COMMENT.test(word)) comments++;
          else if (word !== '') words.add(word);
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
  return { words: [...words], comments };
}

/** What to do with a source, which its message ends with, is not what to do with a lexicon. */
function unreadable(file: string, message: string, cause?: unknown): UsageError {
  const [what = ''] = message.replace(`${file}: `, '').replace(`${file}, `, '').split('; ');
  return new UsageError(
    `The lexicon ${file} cannot be read: ${what}. It must be UTF-8 text, as it is or in gzip or zstd, with one word on a line.`,
    { cause },
  );
}

/** What is said of a lexicon; null where all of it counts. */
export function lexiconText(file: string, { words, comments }: Lexicon, unwritable: number): string | null {
  const ignored = [
    ...(comments > 0 ? [`${formatCount(comments)} comment ${comments === 1 ? 'line' : 'lines'}`] : []),
    ...(unwritable > 0
      ? [`${formatCount(unwritable)} that the tokenizer has no tokens for, so that they never come`]
      : []),
  ];
  if (ignored.length === 0) return null;
  const used = formatCount(words.length - unwritable);
  return `The lexicon ${visible(file)} bans ${used} words; left out: ${ignored.join('; ')}.`;
}
