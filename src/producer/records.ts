import { DatasetError } from '../contract/errors.ts';
import type { ByteCount } from './bytes.ts';
import { readBytes } from './bytes.ts';
import { createUtf8Decoder } from './decode.ts';
import { createDelimitedScanner } from './delimited.ts';
import type { Format } from './format.ts';
import type { Input } from './input.ts';
import { createLineScanner } from './lines.ts';
import type { RawRecord, Scanner } from './record.ts';

/** The records of one read of a file, in order. */
export interface RecordBatch {
  readonly records: readonly RawRecord[];
  /** False when no text in the batch needs repair or a closer look: no bad UTF-8, no NUL, no rare JSON escape or number. */
  readonly suspect: boolean;
}

/**
 * A whole row, all columns, as it stands in the file: this many times the limit of its text.
 * Leaves room for JSON escapes (6 characters for one) and for other columns, and bounds memory.
 */
const RECORD_PER_TEXT = 8;

/** Reads a file to its end, in flat memory. Throws DatasetError for what makes the rest unreadable. */
export async function* readRecords(
  input: Input,
  format: Format,
  maxTextBytes: number,
  count: ByteCount,
): AsyncGenerator<RecordBatch> {
  const decoder = createUtf8Decoder();
  const maxChars = maxTextBytes * RECORD_PER_TEXT;
  let scanner: Scanner | null = format === 'csv' ? null : createScanner(format, maxChars);
  /** Start of a CSV file, until its first line shows the delimiter. */
  let opening = '';
  let carriesSuspect = false;
  /** End of the piece before: what is looked for may lie across. */
  let seam = '';
  let isFirst = true;

  function scan(text: string): RecordBatch | null {
    let piece = text;
    if (scanner === null) {
      opening += text;
      if (!/[\r\n]/.test(text) && opening.length <= maxChars) return null;
      scanner = createDelimitedScanner(delimiterOf(opening), maxChars);
      piece = opening;
      opening = '';
    }
    const suspect =
      isSuspect(piece, format) || isSuspect(seam + piece.slice(0, SEAM_CHARS), format) || decoder.takeInvalid();
    seam = (seam + piece.slice(-SEAM_CHARS)).slice(-SEAM_CHARS);
    const records = scanner.push(piece);
    if (records.length === 0) {
      carriesSuspect ||= suspect;
      return null;
    }
    const batch = { records, suspect: suspect || carriesSuspect };
    carriesSuspect = suspect;
    return batch;
  }

  for await (const bytes of readBytes(input, format, count)) {
    if (isFirst) rejectUtf16(bytes, input.name);
    isFirst = false;
    const batch = scan(decoder.decode(bytes));
    if (batch !== null) yield batch;
  }
  const last = scan(decoder.end());
  if (last !== null) yield last;
  if (scanner === null) {
    scanner = createDelimitedScanner(delimiterOf(opening), maxChars);
    carriesSuspect = isSuspect(opening, format) || decoder.takeInvalid();
    scanner.push(opening);
  }
  const records = scanner.end();
  if (records.length > 0) yield { records, suspect: carriesSuspect };
  const openQuote = scanner.openQuoteLine();
  if (openQuote !== null) {
    throw new DatasetError(
      `${input.name}, line ${openQuote}: the quote that opens here is never closed, so that everything after it would be one field; ` +
        'close it (a quote inside a quoted field is written twice), then start again',
    );
  }
}

function createScanner(format: Exclude<Format, 'csv'>, maxChars: number): Scanner {
  if (format === 'tsv') return createDelimitedScanner('\t', maxChars);
  return createLineScanner(maxChars, format === 'jsonl');
}

/** Comma, unless the first line has none: then semicolon, tab or bar, as spreadsheets of some countries write. */
function delimiterOf(text: string): string {
  const firstLine = /^[^\r\n]*/.exec(text)?.[0] ?? '';
  const bare = firstLine.replace(/"[^"]*"/g, '');
  return [',', ';', '\t', '|'].find((delimiter) => bare.includes(delimiter)) ?? ',';
}

/** Longer than anything that `isSuspect` looks for. */
const SEAM_CHARS = 24;
/** Long integers and large exponents, which JavaScript may not hold; one leading class keeps the search fast. */
const SUSPECT_NUMBER = /\d(?:\d{15}|[eE]\+?\d{3})/;
const SUSPECT_ESCAPE = /\\u(?:0000|[dD][89a-fA-F])/;

function isSuspect(text: string, format: Format): boolean {
  if (text.includes('\0')) return true;
  return format === 'jsonl' && (SUSPECT_NUMBER.test(text) || (text.includes('\\u') && SUSPECT_ESCAPE.test(text)));
}

function rejectUtf16(bytes: Buffer, name: string): void {
  const [a, b, c, d] = bytes;
  const hasMark = (a === 0xff && b === 0xfe) || (a === 0xfe && b === 0xff);
  const everyOtherIsNul = (a === 0 && c === 0 && b !== 0 && d !== 0) || (b === 0 && d === 0 && a !== 0 && c !== 0);
  if (hasMark || (bytes.length >= 4 && everyOtherIsNul)) {
    throw new DatasetError(`${name}: is UTF-16, not UTF-8; convert it: iconv -f UTF-16 -t UTF-8 FILE`);
  }
}
