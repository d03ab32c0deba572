import { isUtf8 } from 'node:buffer';
import { createByteReader } from './decode-bytes.ts';
import { createPairReader } from './decode-pairs.ts';
import { type FixedEncoding, isLong, isPair, type LongEncoding } from './encoding.ts';

/**
 * Bytes in pieces to text in pieces. A byte that the encoding does not have becomes the lone surrogate U+DC00 + byte
 * ("surrogateescape" of Python, PEP 383), which decoded text never has: so a row with such bytes is told
 * apart from a row that really has a U+FFFD, and its neighbours stay readable.
 *
 * Carriage returns at the end of a piece are held back for the next one, so that a line end is never cut in two.
 * A byte order mark at the start is dropped.
 */
export interface Decoder {
  decode(bytes: Buffer): string;
  /** What was held back. */
  end(): string;
  /** True once the text handed out since the last call of this has escaped bytes. */
  takeInvalid(): boolean;
}

/** Decodes a piece as far as it has whole characters, the `last` one to its end. */
type PieceReader = (bytes: Buffer, last: boolean) => string;

/** Carriage returns before a line feed that are part of one line end: transfers add one each that take text for what it is not. */
export const MOST_RETURNS = 8;

/** In place of half a character of UTF-16, and of bytes of East Asian encodings. */
const UNKNOWN_BYTES = '\udfff';

export function createDecoder(encoding: FixedEncoding): Decoder {
  let heldReturns = '';
  let atStart = true;
  let invalid = false;
  const read = pieceReader(encoding, () => {
    invalid = true;
  });

  function hand(decoded: string): string {
    let text = heldReturns + decoded;
    heldReturns = '';
    if (atStart && text.length > 0) {
      atStart = false;
      if (text.charCodeAt(0) === 0xfeff) text = text.slice(1);
    }
    return text;
  }

  return {
    decode(bytes) {
      const decoded = read(bytes, false);
      if (decoded === '') return '';
      const text = hand(decoded);
      if (!text.endsWith('\r')) return text;
      let returns = 1;
      while (returns < MOST_RETURNS && text.charCodeAt(text.length - 1 - returns) === 13) returns += 1;
      heldReturns = '\r'.repeat(returns);
      return text.slice(0, -returns);
    },
    end: () => hand(read(Buffer.alloc(0), true)),
    takeInvalid() {
      const was = invalid;
      invalid = false;
      return was;
    },
  };
}

function pieceReader(encoding: FixedEncoding, onInvalid: () => void): PieceReader {
  if (encoding === 'utf-8') return wholeCharacters(incompleteUtf8, (bytes) => readUtf8(bytes, onInvalid));
  if (encoding === 'utf-16le') return wholeCharacters(incompleteUtf16, (bytes) => readUtf16(bytes, onInvalid));
  if (encoding === 'utf-16be') {
    return wholeCharacters(
      (bytes) => incompleteUtf16(swapped(bytes)),
      (bytes) => readUtf16(swapped(bytes), onInvalid),
    );
  }
  if (isPair(encoding)) return createPairReader(encoding, UNKNOWN_BYTES, onInvalid);
  return isLong(encoding) ? longReader(encoding, onInvalid) : createByteReader(encoding, onInvalid);
}

/** Keeps what is incomplete at the end of a piece for the next one. */
function wholeCharacters(incomplete: (bytes: Buffer) => number, read: (bytes: Buffer) => string): PieceReader {
  let pending = Buffer.alloc(0);
  return (bytes, last) => {
    const all = pending.length === 0 ? bytes : Buffer.concat([pending, bytes]);
    const cut = last ? all.length : all.length - incomplete(all);
    // A copy: a view would keep the whole read buffer.
    pending = cut === all.length ? Buffer.alloc(0) : Buffer.from(all.subarray(cut));
    return read(all.subarray(0, cut));
  };
}

/** What the escaped character in a text stands for, such as `byte 0xE9`; null for text without one. */
export function escapedBytes(text: string): string | null {
  const found = /\p{Cs}/u.exec(text);
  if (found === null) return null;
  const byte = found[0].charCodeAt(0) - 0xdc00;
  if (byte < 0 || byte > 0xff) return 'bytes that are no character';
  return `byte 0x${byte.toString(16).toUpperCase().padStart(2, '0')}`;
}

function readUtf16(bytes: Buffer, onInvalid: () => void): string {
  const text = bytes.toString('utf16le');
  const isOdd = bytes.length % 2 === 1;
  if (!isOdd && !/\p{Cs}/u.test(text)) return text;
  onInvalid();
  return text.replace(/\p{Cs}/gu, UNKNOWN_BYTES) + (isOdd ? UNKNOWN_BYTES : '');
}

/** An odd byte, and a high surrogate whose other half is still to come (0 to 3 bytes). */
function incompleteUtf16(bytes: Buffer): number {
  const odd = bytes.length % 2;
  const high = bytes[bytes.length - odd - 1] ?? 0;
  return high >= 0xd8 && high <= 0xdb ? odd + 2 : odd;
}

function swapped(bytes: Buffer): Buffer {
  const even = Buffer.from(bytes.subarray(0, bytes.length - (bytes.length % 2))).swap16();
  return bytes.length % 2 === 0 ? even : Buffer.concat([even, bytes.subarray(-1)]);
}

/**
 * A reader that uses the decoder of the platform. U+FFFD, which these encodings do not need, marks bytes that are not a
 * character. So do characters for private use, unless the encoding covers all of Unicode.
 */
function longReader(encoding: LongEncoding, onInvalid: () => void): PieceReader {
  const decoder = new TextDecoder(encoding);
  const unknown = encoding === 'gb18030' ? /\ufffd/ : /[\ufffd\ue000-\uf8ff]/;
  return (bytes, last) => {
    const text = decoder.decode(bytes, { stream: !last });
    if (!unknown.test(text)) return text;
    onInvalid();
    return text.replaceAll(new RegExp(unknown, 'g'), UNKNOWN_BYTES);
  };
}

function readUtf8(bytes: Buffer, onInvalid: () => void): string {
  if (isUtf8(bytes)) return bytes.toString('utf8');
  onInvalid();
  return decodeEscaped(bytes);
}

/** Whether bytes that may be cut inside a character are UTF-8. */
export function readsAsUtf8(bytes: Buffer): boolean {
  return isUtf8(bytes.subarray(0, bytes.length - incompleteUtf8(bytes)));
}

/** How many bytes at the end begin a sequence that may go on in the next piece (0 to 3). */
function incompleteUtf8(bytes: Buffer): number {
  for (let back = 1; back <= Math.min(3, bytes.length); back++) {
    const byte = bytes[bytes.length - back] ?? 0;
    if (byte < 0x80) return 0;
    if (byte >= 0xc0) {
      const length = byte >= 0xf0 ? 4 : byte >= 0xe0 ? 3 : 2;
      return length > back ? back : 0;
    }
  }
  return 0;
}

function decodeEscaped(bytes: Buffer): string {
  let text = '';
  let validFrom = 0;
  let index = 0;
  while (index < bytes.length) {
    const length = sequenceLength(bytes, index);
    if (length > 0) {
      index += length;
      continue;
    }
    text += bytes.toString('utf8', validFrom, index) + String.fromCharCode(0xdc00 + (bytes[index] ?? 0));
    index += 1;
    validFrom = index;
  }
  return text + bytes.toString('utf8', validFrom);
}

/** Length of the UTF-8 sequence at `index`; 0 where none begins (Unicode 16, table 3-7). */
function sequenceLength(bytes: Buffer, index: number): number {
  const lead = bytes[index] ?? 0;
  if (lead < 0x80) return 1;
  if (lead < 0xc2 || lead > 0xf4) return 0;
  const second = bytes[index + 1] ?? 0;
  if (lead < 0xe0) return isContinuation(second) ? 2 : 0;
  const low = lead === 0xe0 ? 0xa0 : lead === 0xf0 ? 0x90 : 0x80;
  const high = lead === 0xed ? 0x9f : lead === 0xf4 ? 0x8f : 0xbf;
  if (second < low || second > high || !isContinuation(bytes[index + 2] ?? 0)) return 0;
  if (lead < 0xf0) return 3;
  return isContinuation(bytes[index + 3] ?? 0) ? 4 : 0;
}

function isContinuation(byte: number): boolean {
  return (byte & 0xc0) === 0x80;
}
