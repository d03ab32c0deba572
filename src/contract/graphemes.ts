const segmenter = new Intl.Segmenter('en', { granularity: 'grapheme' });

/** UTF-16 units that the segmenter of the platform gets at once. In Node 20 its time grows with the square of the text. */
const WINDOW_CHARS = 1024;

/**
 * The characters of a text as people see them (grapheme clusters, UAX 29). Time is linear.
 *
 * The text is read in windows that begin where a grapheme begins. That is exact: no rule looks back over such a place.
 * The last grapheme of a window may go on behind it, so it is looked at again in the next window.
 */
export function* graphemesOf(text: string): Generator<string> {
  let from = 0;
  let size = WINDOW_CHARS;
  while (from < text.length) {
    // Half of a surrogate pair would end the grapheme before it.
    if (isInPair(text, from + size)) size += 1;
    const isLast = from + size >= text.length;
    const window = isLast ? text.slice(from) : text.slice(from, from + size);
    let known = 0;
    let last = '';
    for (const { index, segment } of segmenter.segment(window)) {
      if (index > 0) yield last;
      known = index;
      last = segment;
    }
    if (isLast) {
      yield last;
      return;
    }
    // A grapheme that is longer takes a longer window.
    size = known > 0 ? WINDOW_CHARS : 2 * size;
    from += known;
  }
}

/** Whether a cut there would split a surrogate pair. */
function isInPair(text: string, at: number): boolean {
  const [high, low] = [text.charCodeAt(at - 1), text.charCodeAt(at)];
  return high >= 0xd800 && high < 0xdc00 && low >= 0xdc00 && low < 0xe000;
}
