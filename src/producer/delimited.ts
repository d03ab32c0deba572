import { looksSwallowed } from './long-quote.ts';
import type { LineEnds, LongQuote, Marks, RawRecord, Scanner } from './record.ts';
import { beforeReturns, firstLineEnd } from './record.ts';
import { createUnescape, endsEscaped } from './unescape.ts';

const LF = 10;
const MARK = 0xfeff;
const CR = 13;
/** A record with more fields is `too_large`: they would need many times the memory of its text. */
const MAX_FIELDS = 65_536;

/**
 * CSV and TSV records (RFC 4180), one pass, across pieces of any size.
 *
 *     start ──"──▶ quoted ──"──▶ quote seen ──"──▶ quoted (the quote is text)
 *       │             ▲              │ ╰─delimiter, line end─▶ field done
 *       ▼             │              ▼ anything else: the record is malformed
 *     bare ◀──────────────────────  bare          (a quote inside a bare field is text)
 *       ╰─delimiter, line end─▶ field done
 *
 * An escape takes its meaning from a quote inside quotes; where quotes are text, from a delimiter or line end.
 *
 * papaparse reads one kind of line end per file, and scans everything after an open quote again with each piece;
 * docs/decisions/producer-csv-reader.md has the comparison.
 *
 * @param firstLine number of the line that the text begins with
 */
export function createDelimitedScanner(marks: Marks, maxChars: number, firstLine = 1): Scanner {
  const { delimiter } = marks;
  // A character that no text has: nothing is quoted.
  const quote = marks.quote ?? '';
  const quoteCode = quote === '' ? -1 : quote.charCodeAt(0);
  const mark = marks.escape === quote ? null : marks.escape;
  const bareEscape = quote === '' ? mark : null;
  const unescaped = createUnescape(marks);
  let state: 'start' | 'bare' | 'quoted' | 'quoteSeen' = 'start';
  let lineEnds: LineEnds | null = null;
  let line = firstLine;

  // The record under way.
  let recordLine = firstLine;
  let fields: string[] = [];
  /** What the current field has from earlier pieces and inside its quotes, where a quote stands twice. */
  let partial = '';
  let hasEscapes = false;
  /** Its characters in earlier pieces. */
  let carried = 0;
  let malformed = false;
  let hasQuotes = false;
  let quoteLine = 1;
  let columns = 0;
  let longQuote: LongQuote | null = null;

  function finishField(rest: string): void {
    if (state === 'quoteSeen' && line > quoteLine && longQuote === null) {
      const field = { content: partial, lines: line - quoteLine, key: fields[0] };
      if (looksSwallowed(field, delimiter, columns)) longQuote = { line: quoteLine, lastLine: line };
    }
    if (fields.length <= MAX_FIELDS) {
      if (bareEscape !== null) fields.push(unescaped(partial + rest));
      else fields.push((hasEscapes ? unescaped(partial) : partial) + rest);
    }
    partial = '';
    hasEscapes = false;
  }

  function finishRecord(chars: number, out: RawRecord[]): void {
    const blank = fields.length === 1 && fields[0] === '' && !hasQuotes;
    if (chars > maxChars || fields.length > MAX_FIELDS)
      out.push({ line: recordLine, lastLine: line, fields: [], problem: 'too_large' });
    else if (malformed) out.push({ line: recordLine, lastLine: line, fields: [], problem: 'bad_quotes' });
    else if (!blank) out.push({ line: recordLine, lastLine: line, fields, problem: null });
    if (columns === 0 && !blank) columns = fields.length;
    line += 1;
    recordLine = line;
    fields = [];
    carried = 0;
    malformed = false;
    hasQuotes = false;
    state = 'start';
  }

  function push(text: string): RawRecord[] {
    const out: RawRecord[] = [];
    lineEnds ??= firstLineEnd(text);
    const { length } = text;
    /** The next one at or after a position, or `length`. It is kept until it is passed, so that each is found once. */
    const find = (what: string, from: number) => {
      const found = text.indexOf(what, from);
      return found === -1 ? length : found;
    };
    let nextDelimiter = -1;
    let nextFeed = find('\n', 0);
    let nextReturn = lineEnds === 'cr' ? find('\r', 0) : length;
    let index = 0;
    let recordStart = 0;

    while (index < length) {
      if (state === 'quoted') {
        const from = index;
        let end = find(quote, index);
        while (end < length) {
          if (mark !== null && endsEscaped(mark, text, from, end, partial)) {
            end = find(quote, end + 1);
          } else if (end + 1 < length && text.charCodeAt(end + 1) === quoteCode) {
            hasEscapes = true;
            end = find(quote, end + 2);
          } else break;
        }
        // Line ends inside the quotes; a CR LF is counted once, by its LF.
        for (; nextFeed < end; nextFeed = find('\n', nextFeed + 1)) line += 1;
        for (; nextReturn < end; nextReturn = find('\r', nextReturn + 1)) {
          if (text.charCodeAt(nextReturn + 1) !== LF) line += 1;
        }
        partial += text.slice(from, end);
        if (end < length) state = 'quoteSeen';
        index = end + 1;
        continue;
      }
      // Of several files that were joined into one, each may begin with a byte order mark.
      if (text.charCodeAt(index) === MARK && state === 'start' && fields.length === 0) {
        index += 1;
        continue;
      }
      if (text.charCodeAt(index) === quoteCode && state !== 'bare') {
        if (state === 'quoteSeen') {
          // Two quotes, each in another piece.
          hasEscapes = true;
          partial += quote + quote;
        } else {
          quoteLine = line;
          hasEscapes = mark !== null;
        }
        hasQuotes = true;
        state = 'quoted';
        index += 1;
        continue;
      }

      if (nextDelimiter < index) nextDelimiter = find(delimiter, index);
      const nextEnd = Math.min(nextFeed, nextReturn);
      const end = Math.min(nextDelimiter, nextEnd);
      const cut = end === nextFeed && text.charCodeAt(end - 1) === CR ? beforeReturns(text, end, index) : end;
      if (bareEscape !== null && end < length && endsEscaped(bareEscape, text, index, cut, partial)) {
        state = 'bare';
        const isDelimiter = end === nextDelimiter;
        let next = end + (isDelimiter ? delimiter.length : 1);
        if (end === nextReturn && nextFeed === next) next += 1;
        if (!isDelimiter) line += 1;
        partial += text.slice(index, next);
        index = next;
        if (nextFeed < index) nextFeed = find('\n', index);
        if (nextReturn < index) nextReturn = find('\r', index);
        continue;
      }
      if (state === 'quoteSeen' && cut > index) malformed = true;
      if (end === length) {
        state = 'bare';
        partial += text.slice(index);
        break;
      }
      finishField(text.slice(index, cut));
      if (end === nextDelimiter) {
        index = end + delimiter.length;
        state = 'start';
        continue;
      }
      index = end + 1;
      if (end === nextReturn && nextFeed === index) index += 1;
      finishRecord(carried + index - recordStart, out);
      recordStart = index;
      if (nextFeed < index) nextFeed = find('\n', index);
      if (nextReturn < index) nextReturn = find('\r', index);
    }

    carried += length - recordStart;
    if (carried > maxChars) {
      partial = mark !== null && endsEscaped(mark, '', 0, 0, partial) ? mark : '';
      fields = [];
    }
    return out;
  }

  return {
    push,
    end() {
      const out: RawRecord[] = [];
      if (state === 'quoted' || carried === 0) return out;
      finishField('');
      finishRecord(carried, out);
      return out;
    },
    openQuoteLine: () => (state === 'quoted' ? quoteLine : null),
    longQuote: () => longQuote,
  };
}
