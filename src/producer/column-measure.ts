import type { JsonValue } from '../contract/row.ts';

/** What the first rows of a column hold. */
export interface ColumnMeasure {
  /** Words and characters per row, over all rows: empty ones count as 0. */
  readonly words: number;
  readonly chars: number;
  /** Different values, as a share of those that are not empty. */
  readonly distinct: number;
  /** Every value is one token with a digit in it, or an address: numbers, keys, hashes, dates, links. Never true of an empty column. */
  readonly isIds: boolean;
  /** A string that is no number and no truth value is among them: CSV has only strings. */
  readonly hasStrings: boolean;
  /** A value has several words. */
  readonly hasPhrases: boolean;
}

/** Of a value: the beginning says enough. */
const LOOKED_AT_CHARS = 2_000;

/** @param rows how many rows the values are of; some may have none */
export function measureColumn(values: readonly JsonValue[], rows: number): ColumnMeasure {
  const texts = values.flatMap((value) => {
    const text = typeof value === 'string' ? value.trim().slice(0, LOOKED_AT_CHARS) : '';
    return text === '' ? [] : [text];
  });
  const others = values.some((value) => typeof value === 'number' || typeof value === 'boolean');
  const perRow = (count: (text: string) => number): number =>
    texts.reduce((sum, text) => sum + count(text), 0) / Math.max(1, rows);
  return {
    words: perRow(wordsIn),
    chars: perRow((text) => text.length),
    distinct: texts.length === 0 ? 0 : new Set(texts).size / texts.length,
    isIds: (texts.length > 0 || others) && texts.every(isId),
    hasStrings: texts.some((text) => !isPlain(text)),
    hasPhrases: texts.some((text) => /\S\s+\S/.test(text)),
  };
}

/** Tokens with a letter; of scripts without spaces two characters. None in what is data and no text. */
function wordsIn(text: string): number {
  if (isId(text) || isData(text)) return 0;
  const unspaced = text.match(UNSPACED)?.length ?? 0;
  const tokens = text.replace(UNSPACED, ' ').split(/\s+/);
  return tokens.filter((token) => /\p{L}/u.test(token)).length + unspaced / 2;
}

const UNSPACED =
  /[\p{Script=Han}\p{Script=Hiragana}\p{Script=Katakana}\p{Script=Thai}\p{Script=Lao}\p{Script=Khmer}]/gu;

function isId(text: string): boolean {
  return isPlain(text) || /^[!-~]*\d[!-~]*$/.test(text) || /^[a-z][\w+.-]*:\/\/\S+$/i.test(text);
}

function isPlain(text: string): boolean {
  return /^([-+]?(\d[\d,]*\.?\d*|\.\d+)(e[-+]?\d+)?|true|false|null|nan|-?infinity)$/i.test(text);
}

/** JSON, a list as Python prints it, a time with its date. */
function isData(text: string): boolean {
  if (/^[{[]/.test(text) && /[}\]]$/.test(text)) return true;
  return text.length <= 40 && /\d:\d\d/.test(text) && /\d{4}/.test(text);
}
