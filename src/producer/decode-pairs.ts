import { createRequire } from 'node:module';
import type { PairEncoding } from './encoding.ts';

/** Their names in iconv-lite. The platform's decoders have other characters for some bytes, and say nothing. */
const TABLES: Readonly<Record<PairEncoding, string>> = {
  shift_jis: 'cp932',
  'euc-kr': 'cp949',
  big5: 'cp950',
  'big5-hkscs': 'big5hkscs',
};

/** Not a character, or one for private use, which differs between machines. */
const NOTHING = /[\ufffd\ue000-\uf8ff]/;

interface Table {
  /** By byte; undefined for a byte that is not a character alone. */
  readonly alone: readonly (string | undefined)[];
  /** By both bytes as one number. */
  readonly pairs: readonly (string | undefined)[];
}

const known = new Map<PairEncoding, Table>();

function tableOf(encoding: PairEncoding): Table {
  const before = known.get(encoding);
  if (before !== undefined) return before;
  // Loaded where it is needed: few files are in these encodings.
  const iconv: { decode(bytes: Buffer, encoding: string): string } = createRequire(import.meta.url)('iconv-lite');
  const characterOf = (...bytes: number[]): string | undefined => {
    const text = iconv.decode(Buffer.from(bytes), TABLES[encoding]);
    return text === '' || NOTHING.test(text) ? undefined : text;
  };
  const alone = Array.from({ length: 256 }, (_, byte) => characterOf(byte));
  const pairs: (string | undefined)[] = new Array(65_536).fill(undefined);
  for (let lead = 0x81; lead < 0xff; lead++) {
    if (alone[lead] !== undefined) continue;
    for (let trail = 0x30; trail < 256; trail++) {
      pairs[(lead << 8) | trail] = characterOf(lead, trail);
    }
  }
  const table = { alone, pairs };
  known.set(encoding, table);
  return table;
}

/**
 * A reader of an encoding with one or two bytes per character, in pieces. Bytes that are not a character become `unknown`.
 * They never take a byte of ASCII with them, so rows after them stay readable.
 *
 * @param onInvalid called when there was such a place
 */
export function createPairReader(
  encoding: PairEncoding,
  unknown: string,
  onInvalid: () => void,
): (bytes: Buffer, last: boolean) => string {
  const { alone, pairs } = tableOf(encoding);
  const leads = (byte: number): boolean => byte > 0x80 && byte < 0xff && alone[byte] === undefined;
  let pending = Buffer.alloc(0);
  return (piece, last) => {
    const bytes = pending.length === 0 ? piece : Buffer.concat([pending, piece]);
    pending = Buffer.alloc(0);
    let text = '';
    let at = 0;
    while (at < bytes.length) {
      const byte = bytes[at] ?? 0;
      if (byte < 0x80) {
        const start = at;
        while (at < bytes.length && (bytes[at] ?? 0) < 0x80) at += 1;
        text += bytes.toString('latin1', start, at);
        continue;
      }
      if (!last && leads(byte) && isCut(encoding, bytes, at)) {
        pending = Buffer.from(bytes.subarray(at));
        break;
      }
      const next = bytes[at + 1] ?? 0;
      const syllable = encoding === 'euc-kr' ? composedSyllable(bytes, at) : null;
      const pair = pairs[(byte << 8) | next];
      if (syllable !== null) {
        text += syllable;
        at += COMPOSED_BYTES;
      } else if (alone[byte] !== undefined) {
        text += alone[byte];
        at += 1;
      } else if (pair !== undefined) {
        text += pair;
        at += 2;
      } else {
        onInvalid();
        text += unknown;
        at += leads(byte) && next >= 0x80 ? 2 : 1;
      }
    }
    return text;
  };
}

/** Whether the piece ends before one can say what begins at `at`. */
function isCut(encoding: PairEncoding, bytes: Buffer, at: number): boolean {
  const there = bytes.length - at;
  if (there < 2) return true;
  if (encoding !== 'euc-kr' || there >= COMPOSED_BYTES) return false;
  return bytes.subarray(at, at + 2).equals(FILLER) && (there < 3 || bytes[at + 2] === FILLER[0]);
}

/** A syllable that KS X 1001 has no code for is a filler and three letters (its annex 3); Python writes EUC-KR so. */
const COMPOSED_BYTES = 8;
const FILLER = Buffer.from([0xa4, 0xd4]);
/** Letters by their second byte, from 0xA1 on, as first and as last of a syllable: the consonants of U+3131 to U+314E. */
const INITIALS = 'ㄱㄲㄴㄷㄸㄹㅁㅂㅃㅅㅆㅇㅈㅉㅊㅋㅌㅍㅎ';
const FINALS = 'ㄱㄲㄳㄴㄵㄶㄷㄹㄺㄻㄼㄽㄾㄿㅀㅁㅂㅄㅅㅆㅇㅈㅊㅋㅌㅍㅎ';

function composedSyllable(bytes: Buffer, at: number): string | null {
  const part = bytes.subarray(at, at + COMPOSED_BYTES);
  if (part.length < COMPOSED_BYTES || !part.subarray(0, 2).equals(FILLER)) return null;
  if (part[2] !== 0xa4 || part[4] !== 0xa4 || part[6] !== 0xa4) return null;
  const letter = (index: number): string => String.fromCharCode(0x3131 + (part[index] ?? 0) - 0xa1);
  const initial = INITIALS.indexOf(letter(3));
  const vowel = (part[5] ?? 0) - 0xbf;
  const final = part[7] === FILLER[1] ? 0 : FINALS.indexOf(letter(7)) + 1;
  if (initial < 0 || vowel < 0 || vowel > 20 || (final === 0 && part[7] !== FILLER[1])) return null;
  return String.fromCharCode(0xac00 + (initial * 21 + vowel) * 28 + final);
}
