import type { LineEnds, RawRecord, Scanner } from './record.ts';
import { firstLineEnd } from './record.ts';

const QUOTE = 34;
const LF = 10;
const CR = 13;

/**
 * CSV and TSV records (RFC 4180), one pass, across pieces of any size.
 *
 *     start ──"──▶ quoted ──"──▶ quote seen ──"──▶ quoted (the quote is text)
 *       │             ▲              │ ╰─delimiter, line end─▶ field done
 *       ▼             │              ▼ anything else: the record is malformed
 *     bare ◀──────────────────────  bare          (a quote inside a bare field is text)
 *       ╰─delimiter, line end─▶ field done
 *
 * papaparse reads one kind of line end a file, and scans everything after an open quote again with each piece;
 * docs/decisions/producer-csv-reader.md has the comparison.
 */
export function createDelimitedScanner(delimiter: string, maxChars: number): Scanner {
  const delimiterCode = delimiter.charCodeAt(0);
  let state: 'start' | 'bare' | 'quoted' | 'quoteSeen' = 'start';
  let lineEnds: LineEnds | null = null;
  let line = 1;

  // The record under way.
  let recordLine = 1;
  let fields: string[] = [];
  /** What the current field has from earlier pieces, and before an escaped quote. */
  let partial = '';
  /** Its characters in earlier pieces. */
  let carried = 0;
  let malformed = false;
  let hasQuotes = false;
  let quoteLine = 1;

  function finishRecord(chars: number, out: RawRecord[]): void {
    const blank = fields.length === 1 && fields[0] === '' && !hasQuotes;
    if (chars > maxChars) out.push({ line: recordLine, lastLine: line, fields: [], problem: 'too_large' });
    else if (malformed) out.push({ line: recordLine, lastLine: line, fields: [], problem: 'bad_quotes' });
    else if (!blank) out.push({ line: recordLine, lastLine: line, fields, problem: null });
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
    const loneReturn = lineEnds === 'cr' ? CR : -1;
    const length = text.length;
    let index = 0;
    let recordStart = 0;
    let from = 0;

    while (index < length) {
      if (state === 'quoted') {
        let code = 0;
        while (index < length) {
          code = text.charCodeAt(index);
          if (code === QUOTE) break;
          if (code === LF || (code === loneReturn && text.charCodeAt(index + 1) !== LF)) line += 1;
          index += 1;
        }
        partial += text.slice(from, index);
        if (index < length) {
          state = 'quoteSeen';
          index += 1;
        }
        from = index;
        continue;
      }
      if (state === 'quoteSeen') {
        const code = text.charCodeAt(index);
        from = index;
        if (code === QUOTE) {
          partial += '"';
          state = 'quoted';
          index += 1;
          from = index;
          continue;
        }
        const ends = code === delimiterCode || code === LF || code === loneReturn;
        if (!ends && !(code === CR && text.charCodeAt(index + 1) === LF)) malformed = true;
        state = 'bare';
      } else if (state === 'start') {
        from = index;
        if (text.charCodeAt(index) === QUOTE) {
          state = 'quoted';
          hasQuotes = true;
          quoteLine = line;
          index += 1;
          from = index;
          continue;
        }
        state = 'bare';
      }

      let code = 0;
      while (index < length) {
        code = text.charCodeAt(index);
        if (code === delimiterCode || code === LF || code === loneReturn) break;
        index += 1;
      }
      if (index === length) break;
      const end = code === LF && index > from && text.charCodeAt(index - 1) === CR ? index - 1 : index;
      fields.push(partial === '' ? text.slice(from, end) : partial + text.slice(from, end));
      partial = '';
      index += 1;
      if (code === delimiterCode) {
        state = 'start';
      } else {
        if (code === CR && text.charCodeAt(index) === LF) index += 1;
        finishRecord(carried + index - recordStart, out);
        recordStart = index;
      }
      from = index;
    }

    if (state === 'bare') partial += text.slice(from);
    carried += length - recordStart;
    if (carried > maxChars) {
      partial = '';
      fields = [];
    }
    return out;
  }

  return {
    push,
    end() {
      const out: RawRecord[] = [];
      if (state === 'quoted' || carried === 0) return out;
      fields.push(partial);
      finishRecord(carried, out);
      return out;
    },
    openQuoteLine: () => (state === 'quoted' ? quoteLine : null),
  };
}
