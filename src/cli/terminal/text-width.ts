import { graphemesOf } from '../../contract/graphemes.ts';

/** Columns a text takes in a terminal: wide characters (CJK, emoji) take two. */
export function displayWidth(text: string): number {
  if (/^[\x20-\x7e]*$/.test(text)) return text.length;
  let width = 0;
  for (const segment of graphemesOf(text)) width += widthOf(segment);
  return width;
}

/** Ideographs, kana, hangul, their punctuation and full-width forms, and emoji. */
const WIDE =
  /\p{Emoji_Presentation}|\p{Script=Han}|\p{Script=Hiragana}|\p{Script=Katakana}|\p{Script=Hangul}|[\u3000-\u303e\uff01-\uff60\uffe0-\uffe6]|\ufe0f/u;
/** Joiners and marks that stand alone take no column. */
const UNSEEN = /^[\p{Mn}\p{Me}\p{Cf}]+$/u;

function widthOf(grapheme: string): number {
  if (WIDE.test(grapheme)) return 2;
  return UNSEEN.test(grapheme) ? 0 : 1;
}

/** As much of a text as fits, and … where something is left out. */
export function clip(text: string, width: number): string {
  if (width <= 0) return '';
  if (displayWidth(text) <= width) return text;
  let clipped = '';
  let used = 0;
  for (const segment of graphemesOf(text)) {
    const next = widthOf(segment);
    if (used + next > width - 1) break;
    clipped += segment;
    used += next;
  }
  return `${clipped}…`;
}
