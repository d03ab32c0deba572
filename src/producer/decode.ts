import { isUtf8 } from 'node:buffer';

/**
 * UTF-8 in pieces to text in pieces. A byte that is not UTF-8 becomes the lone surrogate U+DC00 + byte
 * ("surrogateescape" of Python, PEP 383), which decoded UTF-8 never has: so a row with such bytes is told
 * apart from a row with an honest U+FFFD, and its neighbours stay readable.
 *
 * A carriage return at the end of a piece is held back for the next one, so that CR LF is never cut in two.
 * A byte order mark at the start is dropped.
 */
export interface Utf8Decoder {
  decode(bytes: Buffer): string;
  /** What was held back. */
  end(): string;
  /** True once the text handed out since the last call of this has escaped bytes. */
  takeInvalid(): boolean;
}

export function createUtf8Decoder(): Utf8Decoder {
  let pending = Buffer.alloc(0);
  let heldReturn = false;
  let atStart = true;
  let invalid = false;

  function toText(bytes: Buffer): string {
    if (isUtf8(bytes)) return bytes.toString('utf8');
    invalid = true;
    return decodeEscaped(bytes);
  }

  function hand(decoded: string): string {
    let text = heldReturn ? `\r${decoded}` : decoded;
    heldReturn = false;
    if (atStart && text.length > 0) {
      atStart = false;
      if (text.charCodeAt(0) === 0xfeff) text = text.slice(1);
    }
    return text;
  }

  return {
    decode(bytes) {
      const all = pending.length === 0 ? bytes : Buffer.concat([pending, bytes]);
      const cut = all.length - incompleteTail(all);
      // A copy: a view would keep the whole read buffer.
      pending = cut === all.length ? Buffer.alloc(0) : Buffer.from(all.subarray(cut));
      const decoded = toText(all.subarray(0, cut));
      if (decoded === '') return '';
      const text = hand(decoded);
      if (!text.endsWith('\r')) return text;
      heldReturn = true;
      return text.slice(0, -1);
    },
    end() {
      const decoded = toText(pending);
      pending = Buffer.alloc(0);
      return hand(decoded);
    },
    takeInvalid() {
      const was = invalid;
      invalid = false;
      return was;
    },
  };
}

/** The byte that a lone surrogate stands for, or null for text that is all UTF-8. */
export function escapedByte(text: string): number | null {
  const found = /\p{Cs}/u.exec(text);
  if (found === null) return null;
  return found[0].charCodeAt(0) - 0xdc00;
}

/** How many bytes at the end begin a sequence that may go on in the next piece (0 to 3). */
function incompleteTail(bytes: Buffer): number {
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

/** Length of the UTF-8 sequence at `index`, 0 when there is none (Unicode 16, table 3-7). */
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
