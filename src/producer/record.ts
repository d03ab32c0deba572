import { MOST_RETURNS } from './decode.ts';

/** One record of a file as the scanners cut it: the fields of a CSV or TSV record, or one line. */
export interface RawRecord {
  /** Physical line of the file on which it begins, from 1. */
  readonly line: number;
  /** Physical line on which it ends. */
  readonly lastLine: number;
  /** Empty when there is a problem. */
  readonly fields: readonly string[];
  readonly problem: 'too_large' | 'bad_quotes' | null;
}

/** The characters that cut a table into fields. */
export interface Marks {
  readonly delimiter: string;
  /** Null: quotes are text. */
  readonly quote: string | null;
  /** Null: a quote inside quotes is written twice. */
  readonly escape: string | null;
}

/** Cuts text that comes in pieces into records; keeps at most one record, and never more of it than its limit. */
export interface Scanner {
  push(text: string): RawRecord[];
  /** The last record, if the text did not end with a line end. */
  end(): RawRecord[];
  /** After `end`: the line of a quote that is still open, or null. */
  openQuoteLine(): number | null;
  /** The first quoted field that has many lines, or lines that look like rows; null while there was none. */
  longQuote(): LongQuote | null;
}

/** Physical lines of a quoted field. */
export interface LongQuote {
  readonly line: number;
  readonly lastLine: number;
}

/** Which characters end a line: LF, with the carriage returns right before it, or a lone CR as well. */
export type LineEnds = 'lf' | 'cr';

/**
 * Decided by the first line end of a file. A lone CR ends lines only in files of old Macs; elsewhere it is part of the text.
 * Null before the first line end.
 */
export function firstLineEnd(text: string): LineEnds | null {
  const feed = text.indexOf('\n');
  const carriage = text.indexOf('\r');
  if (carriage !== -1 && (feed === -1 || carriage < beforeReturns(text, feed, 0))) return 'cr';
  return feed === -1 ? null : 'lf';
}

/** Where the line end begins whose line feed is at `feed`, not before `from`. */
export function beforeReturns(text: string, feed: number, from: number): number {
  const least = Math.max(from, feed - MOST_RETURNS);
  let start = feed;
  while (start > least && text.charCodeAt(start - 1) === 13) start -= 1;
  return start;
}
