import { isAscii } from 'node:buffer';
import { DatasetError } from '../contract/errors.ts';
import { readsAsUtf8 } from './decode.ts';
import type { Encoding, FixedEncoding } from './encoding.ts';

/** Least bytes to detect the encoding of a file by; shorter files are read whole. */
export const HEAD_BYTES = 64;

const MARKS: readonly { readonly mark: readonly number[]; readonly encoding: FixedEncoding | 'utf-32' }[] = [
  { mark: [0xff, 0xfe, 0, 0], encoding: 'utf-32' },
  { mark: [0, 0, 0xfe, 0xff], encoding: 'utf-32' },
  { mark: [0xff, 0xfe], encoding: 'utf-16le' },
  { mark: [0xfe, 0xff], encoding: 'utf-16be' },
  { mark: [0xef, 0xbb, 0xbf], encoding: 'utf-8' },
];

/**
 * The encoding of a file: that of its byte order mark, else the requested one, else UTF-8.
 *
 * @param head its first bytes
 * @throws DatasetError where bytes and option contradict one another, or for an encoding that must be asked for
 */
export function encodingOf(
  head: Buffer,
  asked: Encoding | undefined,
  name: string,
  onNote: (note: string) => void,
): FixedEncoding {
  const marked = MARKS.find(({ mark }) => mark.every((byte, at) => head[at] === byte))?.encoding;
  if (marked === 'utf-32') throw new DatasetError(`${name}: is UTF-32; convert it: iconv -f UTF-32 -t UTF-8 FILE`);
  if (marked !== undefined) {
    if (asked !== undefined && asked !== marked && !(asked === 'utf-16' && marked !== 'utf-8')) {
      throw new DatasetError(
        `${name}: begins with the byte order mark of ${marked}, but --encoding says ${asked}; say ${marked}`,
      );
    }
    if (asked === undefined && marked !== 'utf-8') onNote(`${name}: is read as ${marked}, as its byte order mark says`);
    return marked;
  }
  const looks = utf16Order(head);
  if (asked === 'utf-16' || asked === 'utf-16le' || asked === 'utf-16be') {
    if (looks !== null && asked !== 'utf-16' && asked !== looks) {
      throw new DatasetError(`${name}: looks like ${looks}, but --encoding says ${asked}`);
    }
    if (looks === null && head.length >= HEAD_BYTES && !head.includes(0) && readsAsUtf8(head)) {
      throw new DatasetError(
        `${name}: is not UTF-16, as --encoding says: its first bytes are ${isAscii(head) ? 'ASCII' : 'UTF-8'}`,
      );
    }
    return asked === 'utf-16' ? (looks ?? 'utf-16le') : asked;
  }
  if (looks !== null) {
    throw new DatasetError(`${name}: looks like UTF-16 without a byte order mark; say --encoding ${looks}`);
  }
  if (asked !== undefined && asked !== 'utf-8' && !isAscii(head) && readsAsUtf8(head)) {
    onNote(
      `${name}: looks like UTF-8, and is read as ${asked}, as --encoding says; if letters come out wrong, leave that out`,
    );
  }
  return asked ?? 'utf-8';
}

/** Detects UTF-16 by its zero bytes: in English text, every other byte is one. */
function utf16Order(head: Buffer): 'utf-16le' | 'utf-16be' | null {
  const [a, b, c, d] = head;
  if (head.length < 4) return null;
  if (a === 0 && c === 0 && b !== 0 && d !== 0) return 'utf-16be';
  return b === 0 && d === 0 && a !== 0 && c !== 0 ? 'utf-16le' : null;
}
