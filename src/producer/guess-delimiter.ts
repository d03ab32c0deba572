import { createDelimitedScanner } from './delimited.ts';
import type { Marks, RawRecord } from './record.ts';

const DELIMITERS = [',', ';', '\t', '|'];
/** A doubtful header is compared with so many lines, or with so many characters where lines are longer. */
const SAMPLE_LINES = 100;
const SAMPLE_CHARS = 256 * 1024;
/** Where a TSV file has no tab in its header, it may be a single column: another delimiter must cut most of its rows. */
const MOST = 0.5;

/**
 * The delimiter of a table by its first lines: the usual one, unless the header has others. Then the one that cuts the
 * most of the first rows into as many fields as the header. Always the same, in whatever pieces the text comes.
 *
 * @param opening start of the text
 * @param usual what the format says
 * @param maxChars longest record
 * @returns null while `opening` is too short to tell
 */
export function guessDelimiter(
  opening: string,
  atEnd: boolean,
  marks: Omit<Marks, 'delimiter'>,
  usual: string,
  maxChars: number,
): string | null {
  const header = delimitersOfHeader(opening, marks);
  if (!header.isWhole && !atEnd && opening.length <= maxChars) return null;
  const rivals = [usual, ...DELIMITERS].filter(
    (delimiter, at, all) => header.found.has(delimiter) && all.indexOf(delimiter) === at,
  );
  const [first] = rivals;
  if (first === undefined || (first === usual && rivals.length === 1)) return usual;
  const sample = sampleOf(opening);
  if (sample === null && !atEnd) return null;
  const fits = rivals.map((delimiter) => ({
    delimiter,
    ...fitOf(sample ?? opening, sample === null, { ...marks, delimiter }, maxChars),
  }));
  const best = fits.reduce((before, next) => {
    // Commas of sentences may happen to fit a header that they cut in the middle of a name.
    const isBetter =
      next.same === before.same ? next.same > 0 && next.columns > before.columns : next.same > before.same;
    return isBetter ? next : before;
  });
  if (best.same > (usual === '\t' && best.delimiter !== usual ? MOST : 0)) return best.delimiter;
  if (first === usual || usual === '\t') return usual;
  // Rows that do not fit are row errors, which name what is wrong with them.
  return fits.find(({ rows, split }) => split || rows === 0)?.delimiter ?? usual;
}

/** Those that stand in the header outside of quotes, and whether it was seen to its end. */
function delimitersOfHeader(
  text: string,
  { quote, escape: mark }: Omit<Marks, 'delimiter'>,
): { found: Set<string>; isWhole: boolean } {
  const found = new Set<string>();
  let inQuotes = false;
  let atStart = true;
  let start = 0;
  for (let index = 0; index < text.length; index++) {
    const character = text.charAt(index);
    if (inQuotes) {
      const next = text.charAt(index + 1);
      if ((character === mark && (next === quote || next === mark)) || (character === quote && next === quote))
        index += 1;
      else if (character === quote) inQuotes = false;
    } else if (character === quote && atStart) {
      inQuotes = true;
    } else if (character === '\n' || character === '\r') {
      // Blank lines before the header are not records.
      if (index > start) return { found, isWhole: true };
      start = index + 1;
    } else {
      atStart = DELIMITERS.includes(character);
      if (atStart) found.add(character);
    }
  }
  return { found, isWhole: false };
}

/** The first lines, always the same ones; null when there are fewer yet. */
function sampleOf(text: string): string | null {
  let end = 0;
  for (let lines = 0; lines < SAMPLE_LINES; lines++) {
    const feed = text.indexOf('\n', end);
    if (feed === -1 || feed >= SAMPLE_CHARS) return text.length < SAMPLE_CHARS ? null : text.slice(0, SAMPLE_CHARS);
    end = feed + 1;
  }
  return text.slice(0, end);
}

interface Fit {
  /** Fields of the header. */
  readonly columns: number;
  readonly rows: number;
  /** Share of the rows with as many fields as the header. */
  readonly same: number;
  /** Whether some row has two fields or more. */
  readonly split: boolean;
}

function fitOf(sample: string, isWhole: boolean, marks: Marks, maxChars: number): Fit {
  const scanner = createDelimitedScanner(marks, maxChars);
  const records: RawRecord[] = scanner.push(sample);
  if (isWhole) records.push(...scanner.end());
  const [header, ...rows] = records;
  const columns = header?.fields.length ?? 0;
  const same = columns < 2 ? 0 : rows.filter(({ fields }) => fields.length === columns).length;
  return {
    columns,
    rows: rows.length,
    same: same / Math.max(1, rows.length),
    split: rows.some(({ fields }) => fields.length > 1),
  };
}
