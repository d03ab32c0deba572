/** A tokenizer makes at most one token per byte, plus the special tokens. */
export const SPECIAL_TOKENS = 4;
/** A window ends at a word border if there is one in its last half, else between two characters as readers see them. */
const WORD_BEFORE = /[\p{L}\p{N}\p{M}]$/u;
const WORD_AFTER = /^[\p{L}\p{N}\p{M}]/u;
/** After a window without a border, the next window repeats this share, so that no short word is cut in both. */
const OVERLAP = 0.25;

const graphemes = new Intl.Segmenter('en', { granularity: 'grapheme' });

/**
 * Cuts `text` into pieces that a model reads whole, with any tokenizer. Every character is in one of them, or in two if the
 * text has no words to cut between.
 *
 * @param maxInputTokens longest input of the model, special tokens included
 */
export function cutIntoWindows(text: string, maxInputTokens: number): string[] {
  const maxBytes = Math.max(4, maxInputTokens - SPECIAL_TOKENS);
  const windows: string[] = [];
  let from = 0;
  while (from < text.length) {
    const reach = reachOf(text, from, maxBytes);
    if (reach === text.length) {
      windows.push(text.slice(from));
      break;
    }
    const window = text.slice(from, reach);
    const word = wordBorder(text, from, reach);
    const borders = word > 0 ? [] : [...graphemes.segment(text.slice(from, reach + 2))].map(({ index }) => index);
    // A character with more bytes than a window is cut between its code points.
    const length = word || (borders.findLast((border) => border > 0 && border <= window.length) ?? window.length);
    windows.push(text.slice(from, from + length));
    const again = borders.find((border) => border >= length * (1 - OVERLAP) && border > 0 && border < length);
    from += again ?? length;
  }
  return windows;
}

/** Where a piece of at most `maxBytes` bytes ends; never inside a surrogate pair. */
function reachOf(text: string, from: number, maxBytes: number): number {
  let bytes = 0;
  let at = from;
  while (at < text.length) {
    const code = text.codePointAt(at) ?? 0;
    bytes += code < 0x80 ? 1 : code < 0x800 ? 2 : code < 0x10000 ? 3 : 4;
    if (bytes > maxBytes) break;
    at += code < 0x10000 ? 1 : 2;
  }
  return at;
}

/** Length of the longest start of the window that ends between two words and is at least half of it; or 0. */
function wordBorder(text: string, from: number, reach: number): number {
  for (let at = reach; 2 * (at - from) >= reach - from; at--) {
    if (WORD_AFTER.test(text.slice(at, at + 2)) && !WORD_BEFORE.test(text.slice(at - 2, at))) return at - from;
  }
  return 0;
}
