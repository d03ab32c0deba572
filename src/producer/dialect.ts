import { UsageError } from '../contract/errors.ts';
import { type Encoding, parseEncoding } from './encoding.ts';
import { type Format, isDelimited } from './format.ts';

/** How files are written, as the user states it, for every file of a dataset. Absent parts are guessed, or have the usual value. */
export interface Dialect {
  /** One character between fields of CSV and TSV. Default: guessed from the first lines. */
  readonly delimiter?: string | undefined;
  /** The character around fields that hold delimiters or line ends; `none`: quotes are text. Default: `"`. */
  readonly quote?: string | undefined;
  /**
   * A character that takes its meaning from the next one: inside quotes from a quote, and, where there are no quotes,
   * from a delimiter and a line end. Default: none; a quote inside quotes is written twice.
   */
  readonly escape?: string | undefined;
  /** Default: UTF-8, or UTF-16 where a file begins with its byte order mark. */
  readonly encoding?: Encoding | undefined;
  /** Physical lines at the start of every file that do not belong to the data. Default 0. */
  readonly skipLines?: number | undefined;
}

/** The dialect among other options. */
export function dialectOf({ delimiter, quote, escape: mark, encoding, skipLines }: Dialect): Dialect {
  return { delimiter, quote, escape: mark, encoding, skipLines };
}

/** `--quote` of files whose quotes are text. */
export const NO_QUOTES = 'none';

const NAMES: Readonly<Record<string, string>> = {
  tab: '\t',
  space: ' ',
  comma: ',',
  semicolon: ';',
  colon: ':',
  pipe: '|',
  bar: '|',
  backslash: '\\',
  '\\\\': '\\',
  '\\t': '\t',
};

/**
 * The character that a user means: itself, its name (`tab`), or an escape (`\t`, `\x01`, `\u0001`).
 * @throws UsageError when it is not one character, or ends lines
 */
export function parseDelimiter(value: string): string {
  const character = characterOf(value);
  if ([...character].length !== 1) {
    throw new UsageError(
      'It must be one character: itself, or tab, space, comma, semicolon, pipe, or an escape as \\x01.',
    );
  }
  if (/[\r\n\0\ufeff\p{Cs}]/u.test(character)) throw new UsageError('It must be a character that does not end lines.');
  return character;
}

/** A quotation mark, or `none`. @throws UsageError when it is not one character, or ends lines */
export function parseQuote(value: string): string {
  return value === NO_QUOTES ? value : parseMark(value, 'one character, or none');
}

/** An escape character. @throws UsageError when it is not one character, or ends lines */
export function parseEscape(value: string): string {
  return parseMark(value, 'one character');
}

function parseMark(value: string, what: string): string {
  const character = characterOf(value);
  if (character.length !== 1 || /[\r\n\0\ufeff\p{Cs}]/u.test(character)) throw new UsageError(`It must be ${what}.`);
  return character;
}

function characterOf(value: string): string {
  const name = NAMES[value.toLowerCase()];
  if (name !== undefined) return name;
  const code = /^(?:\\x([0-9a-f]{2})|\\u([0-9a-f]{4}))$/i.exec(value);
  return code === null ? value : String.fromCharCode(Number.parseInt(code[1] ?? code[2] ?? '', 16));
}

/** The dialect in its plain form, checked. @throws UsageError for characters that cannot be, or that mean two things */
export function checkedDialect({ delimiter, quote, escape: mark, encoding, skipLines }: Dialect): Dialect {
  const dialect: Dialect = {
    delimiter: delimiter === undefined ? undefined : named('--delimiter', () => parseDelimiter(delimiter)),
    quote: quote === undefined ? undefined : named('--quote', () => parseQuote(quote)),
    escape: mark === undefined ? undefined : named('--escape', () => parseEscape(mark)),
    encoding: encoding === undefined ? undefined : named('--encoding', () => parseEncoding(encoding)),
    skipLines,
  };
  if (skipLines !== undefined && !(Number.isSafeInteger(skipLines) && skipLines >= 0)) {
    throw new UsageError('--skip-lines: it must be a whole number of at least 0.');
  }
  if (dialect.delimiter !== undefined && dialect.delimiter === (dialect.quote ?? '"')) {
    throw new UsageError('--delimiter and --quote cannot be the same character');
  }
  if (dialect.delimiter !== undefined && dialect.delimiter === dialect.escape) {
    throw new UsageError('--delimiter and --escape cannot be the same character');
  }
  return dialect;
}

function named<T>(option: string, parse: () => T): T {
  try {
    return parse();
  } catch (error) {
    if (error instanceof UsageError) throw new UsageError(`${option}: ${error.message}`, { cause: error });
    throw error;
  }
}

/** @throws UsageError for an option that none of the files can follow */
export function requireEffect(dialect: Dialect, formats: readonly Format[]): void {
  if (formats.some(isDelimited)) return;
  for (const option of ['delimiter', 'quote', 'escape'] as const) {
    if (dialect[option] === undefined) continue;
    const format = formats.includes('jsonl') ? 'JSONL' : 'lines of text';
    throw new UsageError(
      `--${option} has no effect on ${format}; a table whose ending says otherwise is read with --format csv`,
    );
  }
}

/** Advice for quotes that do not match, for the end of a message. */
export function quoteAdvice({ quote, escape: mark }: Dialect): string {
  const escaped = mark === undefined ? "where a backslash stands before a quote that is text: --escape '\\'; " : '';
  return quote === undefined ? `${escaped}where quotes are plain text: --quote none` : `${escaped}see --quote`;
}
