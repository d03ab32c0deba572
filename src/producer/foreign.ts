import { isUtf8 } from 'node:buffer';
import type { Dialect } from './dialect.ts';
import { type Format, isDelimited } from './format.ts';
import { PARQUET_TO_JSONL, pipeFrom, QUERY_SQLITE } from './pipe-from.ts';
import { otherTextFormat } from './text-tables.ts';

/** Bytes at the start of a file that `foreignKind` has to see: a block of a tar archive. */
export const FOREIGN_BYTES = 512;

const TAR = 'a tar archive';

interface Kind {
  /** Fits into "FILE: is …". */
  readonly noun: string;
  /** What to do with it; for what is compressed, the tool that decompresses. */
  readonly advice: string | { readonly tool: string };
  is(head: Buffer): boolean;
}

const CONVERT = 'convert it to JSONL or CSV';

/** Formats other than text, by their first bytes. */
const KINDS: readonly Kind[] = [
  {
    noun: 'an Office document (.xlsx, .docx, .ods, …)',
    advice: 'save it as CSV (UTF-8) and name that file',
    is: (head) => isZip(head) && /^(\[Content_Types\]|_rels\/|docProps\/|xl\/|word\/|mimetype)/.test(zipName(head)),
  },
  {
    noun: 'a zip archive',
    advice: `unpack it and name the files in it, or pipe one of them: ${pipeFrom('unzip -p FILE NAME')}`,
    is: isZip,
  },
  { noun: 'an old Office document (.xls, .doc)', advice: 'save it as CSV (UTF-8)', is: begins('d0cf11e0a1b11ae1') },
  { noun: 'gzip-compressed', advice: { tool: 'gzip' }, is: begins('1f8b') },
  { noun: 'zstd-compressed', advice: { tool: 'zstd' }, is: begins('28b52ffd') },
  { noun: 'xz-compressed', advice: { tool: 'xz' }, is: begins('fd377a585a00') },
  {
    noun: 'bzip2-compressed',
    advice: { tool: 'bzip2' },
    is: (head) =>
      /^BZh[1-9](314159265359|177245385090)/.test(head.toString('latin1', 0, 4) + head.toString('hex', 4, 10)),
  },
  { noun: 'lz4-compressed', advice: { tool: 'lz4' }, is: begins('04224d18') },
  { noun: 'lzip-compressed', advice: { tool: 'lzip' }, is: begins('4c5a495001') },
  { noun: 'compressed with compress (.Z)', advice: { tool: 'gzip' }, is: begins('1f9d') },
  { noun: 'Snappy-compressed', advice: 'decompress it first', is: begins('ff060000734e61507059') },
  { noun: 'a 7z archive', advice: 'unpack it and name the files in it', is: begins('377abcaf271c') },
  { noun: 'a RAR archive', advice: 'unpack it and name the files in it', is: begins('526172211a07') },
  {
    noun: TAR,
    advice: `unpack it and name the files in it, or pipe one of them: ${pipeFrom('tar -xOf FILE NAME')}`,
    is: isTar,
  },
  {
    noun: 'a Parquet file',
    advice: `${CONVERT}, for example: ${PARQUET_TO_JSONL}`,
    is: (head) => startsWith(head, 'PAR1') && isControl(head[4] ?? 0),
  },
  {
    noun: 'an SQLite database',
    advice: `pipe a query: ${QUERY_SQLITE}`,
    is: (head) => startsWith(head, 'SQLite format 3\0'),
  },
  { noun: 'an Avro file', advice: CONVERT, is: begins('4f626a01') },
  { noun: 'an ORC file', advice: CONVERT, is: (head) => startsWith(head, 'ORC') && isBinary(head) },
  {
    noun: 'an Arrow or Feather file',
    advice: CONVERT,
    is: (head) =>
      startsWith(head, 'ARROW1\0\0') ||
      (startsWith(head, 'FEA1') && isBinary(head)) ||
      (begins('ffffffff')(head) && head[7] === 0),
  },
  { noun: 'an HDF5 file', advice: CONVERT, is: begins('894844460d0a1a0a') },
  { noun: 'a NumPy array', advice: CONVERT, is: begins('934e554d5059') },
  { noun: 'a Python pickle', advice: CONVERT, is: isPickle },
  {
    noun: 'a PDF document',
    advice: 'take its text out first, for example with pdftotext',
    is: (head) => startsWith(head, '%PDF-'),
  },
  { noun: 'an RTF document', advice: 'save it as text (UTF-8)', is: (head) => startsWith(head, '{\\rtf') },
  {
    noun: 'a pointer of Git LFS in place of the file itself',
    advice: 'fetch the file: git lfs pull',
    is: (head) => startsWith(head, 'version https://git-lfs.github.com/spec/'),
  },
  {
    noun: 'a pointer of git-annex in place of the file itself',
    advice: 'fetch the file: git annex get FILE',
    is: (head) => startsWith(head, '/annex/objects/'),
  },
];

const LOOK = 'often the error of a failed download; look into it, and download the file again';

/**
 * What a file is, and what to do, in words that follow "FILE: ", where it certainly has no rows of `format`; else null.
 *
 * @param head its first `FOREIGN_BYTES` bytes, or all of it; decompressed
 * @param outer what they were compressed with
 * @param dialect what the user says of it
 */
export function foreignKind(
  head: Buffer,
  format: Format,
  outer: 'gzip' | 'zstd' | null,
  dialect: Dialect = {},
): string | null {
  const known = KINDS.find((kind) => kind.is(head));
  if (known === undefined) {
    const noun = markup(head, format, dialect) ?? (!hasControls(dialect) && isUnknownBinary(head) ? BINARY : null);
    return noun === null ? null : `${where(outer)}${noun}`;
  }
  const { noun, advice } = known;
  if (typeof advice === 'string') {
    // tar decompresses by itself.
    const first = outer === null || noun === TAR ? '' : `decompress it (${outer} -d FILE), then `;
    return `${where(outer)}${noun}; ${first}${advice}`;
  }
  // The content of the pipe may be compressed once more.
  const again = noun === 'gzip-compressed' || noun === 'zstd-compressed' ? '' : ` | ${advice.tool} -dc`;
  const command = outer === null ? `${advice.tool} -dc FILE` : `${outer} -dc FILE${again}`;
  return `${where(outer)}${noun}; pipe it: ${pipeFrom(command)}`;
}

function where(outer: 'gzip' | 'zstd' | null): string {
  return outer === null ? 'is ' : `is, inside its ${outer} compression, `;
}

const BINARY = 'binary data and no text; what is read: CSV, TSV, JSONL and text, also compressed with gzip or zstd';

function markup(head: Buffer, format: Format, dialect: Dialect): string | null {
  // Lines of text may be lines of markup.
  if (format === 'txt') return null;
  const start = head.toString('utf8').replace(/^\ufeff?\s*(<!--.*?-->\s*)*/s, '');
  if (/^<(!doctype html|html[\s>]|head>)/i.test(start)) return `an HTML page and no ${format.toUpperCase()}, ${LOOK}`;
  if (/^<\?xml[\s?]/i.test(start)) return `XML and no ${format.toUpperCase()}, ${LOOK}`;
  return isDelimited(format) ? otherTextFormat(start, dialect) : null;
}

/** Fewer bytes prove little. */
const LEAST_BINARY_BYTES = 64;
/** Random bytes have 10 % of such characters; text has none. */
const BINARY_SHARE = 0.05;

/** Neither UTF-8 nor text in one of the older encodings, which have no control characters; nor a stretch of zero bytes. */
function isUnknownBinary(head: Buffer): boolean {
  if (head.length < LEAST_BINARY_BYTES || isUtf16(head)) return false;
  const valid = [0, 1, 2, 3].some((bytes) => isUtf8(head.subarray(0, head.length - bytes)));
  return controls(head) >= (valid ? 0.5 : BINARY_SHARE) * head.length;
}

/** UTF-16 has bytes as binary data has them; so has a table with a control character between its fields. */
function hasControls({ encoding, delimiter }: Dialect): boolean {
  return (encoding?.startsWith('utf-16') ?? false) || (delimiter !== undefined && isControl(delimiter.charCodeAt(0)));
}

function isBinary(head: Buffer): boolean {
  return controls(head) >= BINARY_SHARE * head.length;
}

function controls(head: Buffer): number {
  return head.reduce((count, byte) => count + (isControl(byte) ? 1 : 0), 0);
}

/** No character of text: neither white space nor an escape sequence of a terminal. */
function isControl(byte: number): boolean {
  return byte < 9 || (byte > 13 && byte < 32 && byte !== 27);
}

/** Told elsewhere, with better advice. */
function isUtf16(head: Buffer): boolean {
  const [a, b, c, d] = head;
  if ((a === 0xff && b === 0xfe) || (a === 0xfe && b === 0xff)) return true;
  return (a === 0 && c === 0 && b !== 0 && d !== 0) || (b === 0 && d === 0 && a !== 0 && c !== 0);
}

function begins(hex: string): (head: Buffer) => boolean {
  const magic = Buffer.from(hex, 'hex');
  return (head) => head.length >= magic.length && head.compare(magic, 0, magic.length, 0, magic.length) === 0;
}

function startsWith(head: Buffer, text: string): boolean {
  return head.toString('latin1', 0, text.length) === text;
}

function isZip(head: Buffer): boolean {
  return begins('504b0304')(head) || begins('504b0506')(head) || begins('504b0708')(head);
}

/** Name of the first file in it. */
function zipName(head: Buffer): string {
  return head.length < 30 ? '' : head.toString('latin1', 30, 30 + head.readUInt16LE(26));
}

/** The checksum of a header block, as every tar writes it: those of 1979 have no magic. */
function isTar(head: Buffer): boolean {
  if (head.length < FOREIGN_BYTES || head[0] === 0) return false;
  const written = /^ *(?:0+ +)*([0-7]+)[ \0]/.exec(head.toString('latin1', 148, 156))?.[1];
  if (written === undefined) return false;
  const sum = head.subarray(0, FOREIGN_BYTES).reduce((total, byte, at) => {
    return total + (at >= 148 && at < 156 ? 0x20 : byte);
  }, 0);
  return sum === Number.parseInt(written, 8);
}

/** Protocols 2 to 5. */
function isPickle(head: Buffer): boolean {
  const [first, protocol = 0, next = 0] = head;
  return (
    first === 0x80 &&
    protocol >= 2 &&
    protocol <= 5 &&
    (next === 0x95 || next === 0x7d || next === 0x5d || next === 0x63)
  );
}
