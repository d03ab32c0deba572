import type { JsonValue } from '../contract/row.ts';

/** What the first rows of a column hold. */
export interface ColumnMeasure {
  /** Words and characters per row, over all rows: empty ones count as 0. */
  readonly words: number;
  readonly chars: number;
  /** Distinct values, as a share of the values that are not empty. */
  readonly distinct: number;
  /**
   * It looks like labels, types or keys: about one word per value, or the same few short values in many rows. An
   * empty column does not.
   */
  readonly isLabels: boolean;
  /** The same few short values in many rows. */
  readonly isFewValues: boolean;
  /** What its values are, in plural, where none is a string: "objects"; null where one is. */
  readonly noStrings: string | null;
  /**
   * No value is text: every one is a token with a digit in it, or an address (numbers, keys, hashes, dates, links), or no
   * string. Never true of an empty column.
   */
  readonly isIds: boolean;
  /** Some value is a string other than a number or a truth value; in CSV, all values are strings. */
  readonly hasStrings: boolean;
  /** A value has several words. */
  readonly hasPhrases: boolean;
}

/** With fewer rows, repetitions do not tell labels from texts. */
const MANY_ROWS = 10;
/** Most words of a label, on average; "not toxic" is a label. */
const LABEL_WORDS = 3;
/** About one word per row. */
const ONE_WORD = 1.5;

/** Characters of a value that are looked at: its start suffices. */
const LOOKED_AT_CHARS = 2_000;

/** @param rows how many rows the values are of; some may have none */
export function measureColumn(values: readonly JsonValue[], rows: number): ColumnMeasure {
  const texts = values.flatMap((value) => {
    const text = typeof value === 'string' ? value.trim().slice(0, LOOKED_AT_CHARS) : '';
    return text === '' ? [] : [text];
  });
  const others = values.some((value) => value !== null && typeof value !== 'string');
  const sum = (count: (text: string) => number): number => texts.reduce((total, text) => total + count(text), 0);
  const words = sum(wordsIn);
  const different = new Set(texts).size;
  const perText = words / Math.max(1, texts.length);
  const isFewValues =
    texts.length >= MANY_ROWS &&
    different <= Math.min(texts.length / 2, Math.max(8, texts.length / 10)) &&
    perText <= LABEL_WORDS;
  return {
    words: words / Math.max(1, rows),
    chars: sum((text) => text.length) / Math.max(1, rows),
    distinct: texts.length === 0 ? 0 : different / texts.length,
    isFewValues,
    isLabels: texts.length > 0 && (isFewValues || perText <= ONE_WORD),
    noStrings: values.length === 0 || values.some((value) => typeof value === 'string') ? null : kindsOf(values),
    isIds: (texts.length > 0 || others) && texts.every(isId),
    hasStrings: texts.some((text) => !isPlain(text)),
    hasPhrases: texts.some((text) => /\S\s+\S/.test(text)),
  };
}

function kindsOf(values: readonly JsonValue[]): string {
  const kinds = values.map((value) => {
    if (value === null) return 'null';
    if (Array.isArray(value)) return 'lists';
    return typeof value === 'object' ? 'objects' : `${typeof value}s`;
  });
  return [...new Set(kinds)].join(' and ');
}

/** Tokens with a letter; in scripts without spaces, every two characters. Data without text has none. */
export function wordsIn(text: string): number {
  if (isId(text) || isData(text)) return 0;
  const unspaced = text.match(UNSPACED)?.length ?? 0;
  const tokens = text.replace(UNSPACED, ' ').split(/\s+/);
  return tokens.filter((token) => /\p{L}/u.test(token)).length + unspaced / 2;
}

const UNSPACED =
  /[\p{Script=Han}\p{Script=Hiragana}\p{Script=Katakana}\p{Script=Thai}\p{Script=Lao}\p{Script=Khmer}]/gu;

function isId(text: string): boolean {
  return isPlain(text) || /^[!-/:-~]*\d[!-~]*$/.test(text) || /^[a-z][\w+.-]*:\/\/\S+$/i.test(text);
}

function isPlain(text: string): boolean {
  return /^([-+]?(\d[\d,]*(\.\d*)?|\.\d+)(e[-+]?\d+)?|true|false|null|nan|-?infinity)$/i.test(text);
}

/** JSON, a list as Python prints it, a time with its date. */
function isData(text: string): boolean {
  if (/^[{[]/.test(text) && /[}\]]$/.test(text)) return true;
  return text.length <= 40 && /\d:\d\d/.test(text) && /\d{4}/.test(text);
}
