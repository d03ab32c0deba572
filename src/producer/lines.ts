import type { LineEnds, RawRecord, Scanner } from './record.ts';
import { firstLineEnd } from './record.ts';

/** Lines as records of one field. Longer ones than `maxChars` are counted, not kept. `skipBlank` drops blank lines. */
export function createLineScanner(maxChars: number, skipBlank: boolean): Scanner {
  let lineEnds: LineEnds | null = null;
  let line = 1;
  let kept = '';
  let length = 0;

  function finish(rest: string, out: RawRecord[]): void {
    const tooLarge = length + rest.length > maxChars;
    const content = kept === '' ? rest : kept + rest;
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
          const cut = feed > from && text.charCodeAt(feed - 1) === 13 ? feed - 1 : feed;
          finish(text.slice(from, cut), out);
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
  };
}
