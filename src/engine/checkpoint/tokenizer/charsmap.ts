import { CheckpointError } from '../../../contract/errors.ts';
import { graphemesOf } from '../../../contract/graphemes.ts';

/** Graphemes with at least this many bytes of UTF-8 are looked up character by character only. */
const LONG_GRAPHEME = 6;
/** The longest entry of NFKC takes 33 bytes. */
const LONGEST_REPLACEMENT = 200;

/**
 * The normalizer that SentencePiece compiles into a model ("precompiled charsmap"): a table of strings and their
 * replacements. In most models it is NFKC, with the spaces of all scripts made plain. It is applied as in transformers' fast
 * tokenizers: to each grapheme, by the shortest entry that the grapheme starts with, else to each of its characters.
 *
 * The bytes: length of a trie in bytes (uint32), the trie as a double array (darts-clone), then the replacements, each ended
 * by a zero byte. All numbers are little-endian.
 *
 * @throws CheckpointError if the bytes are not such a table
 */
export function createCharsmap(file: string, bytes: Uint8Array): (text: string) => string {
  const data = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const trieBytes = bytes.length < 4 ? 0 : data.getUint32(0, true);
  if (trieBytes === 0 || trieBytes % 4 !== 0 || trieBytes > bytes.length - 4) {
    throw new CheckpointError(`${file}: the table of its normalizer is broken`);
  }
  const units = Uint32Array.from({ length: trieBytes / 4 }, (_, i) => data.getUint32(4 + 4 * i, true));
  const replacements = bytes.subarray(4 + trieBytes);
  const encoder = new TextEncoder();
  const decoder = new TextDecoder();
  const known = new Map<string, string | null>();

  /** Replacement of the shortest entry that the bytes start with, or null. */
  function lookup(key: Uint8Array): string | null {
    let node = 0;
    let unit = units[0] ?? 0;
    node ^= offsetOf(unit);
    for (const byte of key) {
      if (byte === 0) return null;
      node ^= byte;
      unit = units[node] ?? 0;
      // The label of a unit is its lowest byte. In a leaf the highest bit is set, too.
      if ((unit & 0x8000_00ff) >>> 0 !== byte) return null;
      node ^= offsetOf(unit);
      if ((unit >>> 8) & 1) {
        const start = (units[node] ?? 0) & 0x7fff_ffff;
        const end = replacements.indexOf(0, start);
        if ((end < 0 ? replacements.length : end) - start > LONGEST_REPLACEMENT) {
          throw new CheckpointError(
            `${file}: the table of its normalizer has an entry of more than ${LONGEST_REPLACEMENT} bytes`,
          );
        }
        return decoder.decode(replacements.subarray(start, end < 0 ? undefined : end));
      }
    }
    return null;
  }
  function replace(part: string): string | null {
    const before = known.get(part);
    if (before !== undefined) return before;
    const found = lookup(encoder.encode(part));
    // Texts contain few different graphemes, but their number has no limit.
    if (known.size > 50_000) known.clear();
    known.set(part, found);
    return found;
  }

  const ascii = Array.from({ length: 128 }, (_, code) => replace(String.fromCharCode(code)));
  const plainAscii = ascii.every(
    (found, code) => found === null || found === String.fromCharCode(code) || code < 32 || code === 127,
  );

  return (text) => {
    if (plainAscii && /^[\x20-\x7e]*$/.test(text)) return text;
    let out = '';
    for (const segment of graphemesOf(text)) {
      const whole = encoder.encode(segment).length < LONG_GRAPHEME ? replace(segment) : null;
      if (whole !== null) out += whole;
      else for (const character of segment) out += replace(character) ?? character;
    }
    return out;
  };
}

/** Offset of a node's children, from a darts-clone unit. */
function offsetOf(unit: number): number {
  return (unit >>> 10) << ((unit & 0x200) >>> 6);
}
