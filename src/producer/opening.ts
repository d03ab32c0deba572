import { createDelimitedScanner } from './delimited.ts';
import { type Dialect, NO_QUOTES } from './dialect.ts';
import { guessDelimiter } from './guess-delimiter.ts';
import type { Marks, Scanner } from './record.ts';

/** `sep=;` in the first line, as Excel takes it and other programs write it. */
const SEPARATOR_LINE = /^"?sep=(\\t|[^\r\n"])"?[ \t]*(?:\r*\n|\r|$)/iu;
const LONGEST_SEPARATOR_LINE = 32;

interface OpeningOptions {
  readonly format: 'csv' | 'tsv';
  readonly dialect: Dialect;
  readonly maxChars: number;
  /** Number of the line that the text begins with. */
  readonly firstLine: number;
  /** What was guessed, where it is not what the format says. */
  readonly onNote: (note: string) => void;
}

/** CSV and TSV whose delimiter is told by the first lines, unless the dialect names it. */
export function createTableScanner({ format, dialect, maxChars, firstLine, onNote }: OpeningOptions): Scanner {
  const usual = format === 'tsv' ? '\t' : ',';
  const marks: Omit<Marks, 'delimiter'> = {
    quote: dialect.quote === NO_QUOTES ? null : (dialect.quote ?? '"'),
    escape: dialect.escape ?? null,
  };
  let scanner: Scanner | null = null;
  /** The start of the file, until it shows the delimiter. */
  let opening = '';

  /** Null while more of the file has to be seen. */
  function decide(atEnd: boolean): { delimiter: string; from: number } | null {
    const separator = separatorLine(opening, atEnd);
    if (separator === 'unknown') return null;
    const from = separator?.length ?? 0;
    if (dialect.delimiter !== undefined) {
      if (separator !== null && separator.delimiter !== dialect.delimiter) {
        onNote(
          `its first line names ${nameOf(separator.delimiter)} as delimiter, and --delimiter another; the option counts`,
        );
      }
      return { delimiter: dialect.delimiter, from };
    }
    if (separator !== null) return { delimiter: separator.delimiter, from };
    const delimiter = guessDelimiter(opening, atEnd, marks, usual, maxChars);
    if (delimiter === null) return null;
    if (delimiter !== usual) {
      onNote(
        `its fields are separated by ${nameOf(delimiter)}, as its first lines look; where that is wrong, say --delimiter`,
      );
    }
    return { delimiter, from };
  }

  function start(atEnd: boolean): { scanner: Scanner; rest: string } | null {
    const decided = decide(atEnd);
    if (decided === null) return null;
    const line = decided.from === 0 ? firstLine : firstLine + 1;
    const rest = opening.slice(decided.from);
    opening = '';
    scanner = createDelimitedScanner({ ...marks, delimiter: decided.delimiter }, maxChars, line);
    return { scanner, rest };
  }

  return {
    push(text) {
      if (scanner !== null) return scanner.push(text);
      opening += text;
      const started = start(false);
      return started === null ? [] : started.scanner.push(started.rest);
    },
    end() {
      if (scanner !== null) return scanner.end();
      const started = start(true);
      return started === null ? [] : [...started.scanner.push(started.rest), ...started.scanner.end()];
    },
    openQuoteLine: () => scanner?.openQuoteLine() ?? null,
    longQuote: () => scanner?.longQuote() ?? null,
  };
}

/** The delimiter that the first line names, and the length of that line; null when it names none. */
function separatorLine(opening: string, atEnd: boolean): { delimiter: string; length: number } | null | 'unknown' {
  const hasLine = /[\r\n]/.test(opening.slice(0, LONGEST_SEPARATOR_LINE));
  if (!hasLine && !atEnd && opening.length < LONGEST_SEPARATOR_LINE) return 'unknown';
  const found = SEPARATOR_LINE.exec(opening);
  const delimiter = found?.[1];
  return found === null || delimiter === undefined
    ? null
    : { delimiter: delimiter === '\\t' ? '\t' : delimiter, length: found[0].length };
}

const NAMES: Readonly<Record<string, string>> = {
  ',': 'commas',
  ';': 'semicolons',
  '\t': 'tabs',
  '|': 'bars (|)',
  ' ': 'spaces',
};

function nameOf(delimiter: string): string {
  return NAMES[delimiter] ?? JSON.stringify(delimiter);
}
