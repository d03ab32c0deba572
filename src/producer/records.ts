import { DatasetError } from '../contract/errors.ts';
import type { ByteCount } from './bytes.ts';
import { readBytes } from './bytes.ts';
import { createDecoder, type Decoder } from './decode.ts';
import { encodingOf, HEAD_BYTES } from './detect-encoding.ts';
import { type Dialect, quoteAdvice } from './dialect.ts';
import { type Format, isDelimited } from './format.ts';
import type { Input } from './input.ts';
import { createLineScanner, createLineSkipper } from './lines.ts';
import { createTableScanner } from './opening.ts';
import type { RawRecord, Scanner } from './record.ts';

/** The records of one read of a file, in order. */
export interface RecordsRead {
  readonly records: readonly RawRecord[];
  /** False when no text of these records needs repair or a closer look: no bytes of another encoding, no NUL, no rare JSON escape or number. */
  readonly mayNeedRepair: boolean;
}

/**
 * A whole row, all columns, as it stands in the file: this many times the limit of its text.
 * Leaves room for JSON escapes (6 characters for one) and for other columns, and bounds memory.
 */
const RECORD_PER_TEXT = 8;

export interface ReadOptions {
  readonly format: Format;
  readonly dialect: Dialect;
  readonly maxTextBytes: number;
  /** Counts the bytes that were read, before decompression. */
  readonly count: ByteCount;
  readonly onNote: OnNote;
}

/** Takes notes about guesses and about what looks wrong in a file. Of several notes with one topic, the first suffices. */
export type OnNote = (note: string, topic?: string) => void;

/** Reads a file to its end, in flat memory. Throws DatasetError for what makes the rest unreadable. */
export async function* readRecords(input: Input, options: ReadOptions): AsyncGenerator<RecordsRead> {
  const { format, dialect, maxTextBytes, onNote } = options;
  const scanner = createScanner(input.name, options, maxTextBytes * RECORD_PER_TEXT);
  let decoder: Decoder | null = null;
  let carriedOver = false;
  /** End of the previous piece: a match may lie across both. */
  let seam = '';
  let hasLongQuote = false;

  function scan(piece: string): RecordsRead | null {
    const mayNeedRepair =
      hasRepairable(piece, format) ||
      hasRepairable(seam + piece.slice(0, SEAM_CHARS), format) ||
      (decoder?.takeInvalid() ?? false);
    seam = (seam + piece.slice(-SEAM_CHARS)).slice(-SEAM_CHARS);
    const records = scanner.push(piece);
    noteLongQuote();
    if (records.length === 0) {
      carriedOver ||= mayNeedRepair;
      return null;
    }
    const read = { records, mayNeedRepair: mayNeedRepair || carriedOver };
    carriedOver = mayNeedRepair;
    return read;
  }

  function noteLongQuote(): void {
    const long = hasLongQuote ? null : scanner.longQuote();
    if (long === null) return;
    hasLongQuote = true;
    onNote(
      `${input.name}, line ${long.line}: the quoted field that begins here goes on to line ${long.lastLine}; ` +
        'if quotes are plain text in this file, rows were lost in it: say --quote none',
      'long quote',
    );
  }

  for await (const bytes of withHead(readBytes(input, options), HEAD_BYTES)) {
    decoder ??= createDecoder(encodingOf(bytes, dialect.encoding, input.name, onNote));
    const read = scan(decoder.decode(bytes));
    if (read !== null) yield read;
  }
  const last = scan(decoder?.end() ?? '');
  if (last !== null) yield last;
  const records = scanner.end();
  noteLongQuote();
  if (records.length > 0) yield { records, mayNeedRepair: carriedOver };
  const openQuote = scanner.openQuoteLine();
  if (openQuote !== null) {
    throw new DatasetError(
      `${input.name}, line ${openQuote}: the quote that opens here is never closed, so that everything after it would be one field; ` +
        `close it (a quote inside a quoted field is written twice), then start again; ${quoteAdvice(dialect)}`,
    );
  }
}

/** A first piece of at least so many bytes, unless there are fewer. */
async function* withHead(pieces: AsyncIterable<Buffer>, least: number): AsyncGenerator<Buffer> {
  let head: Buffer | null = Buffer.alloc(0);
  for await (const piece of pieces) {
    if (head === null) {
      yield piece;
      continue;
    }
    head = head.length === 0 ? piece : Buffer.concat([head, piece]);
    if (head.length < least) continue;
    yield head;
    head = null;
  }
  if (head !== null && head.length > 0) yield head;
}

function createScanner(name: string, { format, dialect, onNote }: ReadOptions, maxChars: number): Scanner {
  const skipLines = dialect.skipLines ?? 0;
  const firstLine = skipLines + 1;
  const say = (note: string) => onNote(`${name}: ${note}`);
  const scanner = isDelimited(format)
    ? createTableScanner({ format, dialect, maxChars, firstLine, onNote: say })
    : createLineScanner(maxChars, format === 'jsonl', firstLine);
  return skipLines === 0 ? scanner : createLineSkipper(skipLines, scanner);
}

/** Longer than anything that `hasRepairable` looks for. */
const SEAM_CHARS = 24;
/** Long integers and large exponents, which JavaScript may not hold; one leading class keeps the search fast. */
const LARGE_NUMBER = /\d(?:\d{15}|[eE]\+?\d{3})/;
const RARE_ESCAPE = /\\u(?:0000|[dD][89a-fA-F])/;

function hasRepairable(text: string, format: Format): boolean {
  if (text.includes('\0')) return true;
  return format === 'jsonl' && (LARGE_NUMBER.test(text) || (text.includes('\\u') && RARE_ESCAPE.test(text)));
}
