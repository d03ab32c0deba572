import type { LineEnds, RawRecord, Scanner } from './record.ts';
import { beforeReturns, firstLineEnd } from './record.ts';

/**
 * Lines as records of one field. Longer ones than `maxChars` are counted, not kept. `skipBlank` drops blank lines.
 * @param firstLine number of the line that the text begins with
 */
export function createLineScanner(maxChars: number, skipBlank: boolean, firstLine = 1): Scanner {
  let lineEnds: LineEnds | null = null;
  let line = firstLine;
  let kept = '';
  let length = 0;

  function finish(rest: string, out: RawRecord[]): void {
    const tooLarge = length + rest.length > maxChars;
    const content = withoutMark(kept === '' ? rest : kept + rest);
    if (tooLarge) out.push({ line, lastLine: line, fields: [], problem: 'too_large' });
    else if (!skipBlank || content.trim() !== '') out.push({ line, lastLine: line, fields: [content], problem: null });
    line += 1;
    kept = '';
    length = 0;
  }

  return {
    push(text) {
      const out: RawRecord[] = [];
      lineEnds ??= firstLineEnd(text);
      let from = 0;
      let feed = text.indexOf('\n');
      let carriage = lineEnds === 'cr' ? text.indexOf('\r') : -1;
      while (feed !== -1 || carriage !== -1) {
        if (carriage !== -1 && (feed === -1 || carriage < feed)) {
          finish(text.slice(from, carriage), out);
          from = carriage + 1;
          if (feed === from) from += 1;
        } else {
          finish(text.slice(from, beforeReturns(text, feed, from)), out);
          from = feed + 1;
        }
        if (feed !== -1 && feed < from) feed = text.indexOf('\n', from);
        if (carriage !== -1 && carriage < from) carriage = text.indexOf('\r', from);
      }
      length += text.length - from;
      kept = length > maxChars ? '' : kept + text.slice(from);
      return out;
    },
    end() {
      const out: RawRecord[] = [];
      if (length > 0) finish('', out);
      return out;
    },
    openQuoteLine: () => null,
    longQuote: () => null,
  };
}

/** Drops the first `count` lines of a text that comes in pieces, and hands the rest to a scanner. */
export function createLineSkipper(count: number, scanner: Scanner): Scanner {
  let lineEnds: LineEnds | null = null;
  let left = count;

  /** Position after the next line end; null without one. */
  function afterLine(text: string, from: number): number | null {
    const feed = text.indexOf('\n', from);
    const carriage = lineEnds === 'cr' ? text.indexOf('\r', from) : -1;
    if (carriage !== -1 && (feed === -1 || carriage < feed)) return feed === carriage + 1 ? feed + 1 : carriage + 1;
    return feed === -1 ? null : feed + 1;
  }

  return {
    push(text) {
      if (left === 0) return scanner.push(text);
      lineEnds ??= firstLineEnd(text);
      let from: number | null = 0;
      while (left > 0 && from !== null) {
        from = afterLine(text, from);
        if (from !== null) left -= 1;
      }
      return from === null || from === text.length ? [] : scanner.push(text.slice(from));
    },
    end: scanner.end,
    openQuoteLine: scanner.openQuoteLine,
    longQuote: scanner.longQuote,
  };
}

/** Of several files that were joined into one, each may begin with a byte order mark. */
function withoutMark(line: string): string {
  return line.charCodeAt(0) === 0xfeff ? line.slice(1) : line;
}
