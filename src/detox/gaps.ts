/*
 * Gaps between two tokens of a text: white space, emoji, Markdown marks, invisible characters. Gaps beside tokens that stay
 * are copied. These functions make the gaps where tokens were deleted or added.
 */

const LINE_BREAK = /[\n\r\u2028\u2029]/u;
const CHUNK = /\*+|_+|~+|`+|[^\s*_~`]+/gu;
const MARK = /^[*_~`]/u;

interface Chunk {
  readonly text: string;
  readonly spaceBefore: boolean;
  readonly spaceAfter: boolean;
}

/**
 * White space at both ends of a gap, and the rest between. It uses no pattern, which would take quadratic time on a run of
 * spaces.
 */
function parts(gap: string): { before: string; inner: string; after: string } {
  const rest = gap.trimStart();
  const inner = rest.trimEnd();
  return { before: gap.slice(0, gap.length - rest.length), inner, after: rest.slice(inner.length) };
}

function chunks(gap: string): Chunk[] {
  return [...gap.matchAll(CHUNK)].map(({ 0: text, index }) => ({
    text,
    spaceBefore: index === 0 || /\s/u.test(gap.charAt(index - 1)),
    spaceAfter: /^\s/u.test(gap.slice(index + text.length)),
  }));
}

/** Removes Markdown marks that open and close within the gaps, because the text that they enclosed is gone. */
function withoutClosedMarks(list: readonly Chunk[]): Chunk[] {
  const closed = new Set<Chunk>();
  const openMarks = new Map<string, Chunk[]>();
  for (const chunk of list) {
    if (!MARK.test(chunk.text)) continue;
    const open = openMarks.get(chunk.text) ?? [];
    const partner = open.pop();
    if (partner === undefined) openMarks.set(chunk.text, [chunk]);
    else closed.add(partner).add(chunk);
  }
  return list.filter((chunk) => !closed.has(chunk));
}

/** White space at a seam: a line break if there was one, else the first part that is not empty, else `fallback`. */
function seamSpace(gaps: readonly string[], fallback: string): string {
  return gaps.find((gap) => LINE_BREAK.test(gap)) ?? gaps.find((gap) => gap !== '') ?? fallback;
}

/**
 * Makes the gap where tokens were deleted. `gaps` are those before, between and after the deleted tokens. `atStart` and
 * `atEnd` mean that nothing of the segment remains on that side. `tightLeft` means that the left neighbour is an opening
 * bracket or similar, `tightRight` that the right one is a comma or similar.
 */
export function closeGap(
  gaps: readonly string[],
  side: { atStart: boolean; atEnd: boolean; tightLeft: boolean; tightRight: boolean },
): string {
  const first = parts(gaps[0] ?? '');
  const last = parts(gaps.at(-1) ?? '');
  const inner = withoutClosedMarks(gaps.flatMap(chunks));
  const spaceLeft = first.inner === '' ? first.before + first.after : first.before;
  const spaceRight = last.inner === '' ? last.before + last.after : last.after;
  if (inner.length === 0) {
    if (side.atStart || side.atEnd) return '';
    if (side.tightRight) return last.inner === '' ? spaceRight : last.before;
    if (side.tightLeft) return spaceLeft;
    return seamSpace([spaceRight, spaceLeft], ' ');
  }
  const holders = gaps.filter((gap) => parts(gap).inner !== '');
  const [only] = holders;
  let gap: string;
  if (holders.length === 1 && only !== undefined && chunks(only).length === inner.length) {
    gap = only;
    if (!MARK.test(only.trim())) {
      if (only !== gaps[0] && !side.tightLeft && !/^\s/u.test(only)) gap = spaceLeft + gap;
      if (only !== gaps.at(-1) && !side.tightRight && !/\s$/u.test(only)) gap += spaceRight;
    }
  } else gap = (first.before || ' ') + inner.map(({ text }) => text).join(' ') + last.after;
  if (side.atStart) return gap.trimStart();
  if (side.atEnd) return gap.trimEnd();
  const isApart = /\s/u.test(gap) || side.tightLeft || side.tightRight;
  return isApart ? gap : `${spaceLeft || spaceRight || ' '}${gap}`;
}

/**
 * Makes the gaps before and after new words that replace tokens. Emoji between the old tokens go after the new words.
 * Markdown that opened between them opens before the new words; Markdown that closed closes after them.
 */
export function openGap(gaps: readonly string[]): { before: string; after: string } {
  let before = gaps[0] ?? '';
  const last = gaps.at(-1) ?? '';
  let behind = '';
  let opening = '';
  for (const { text, spaceBefore, spaceAfter } of withoutClosedMarks(gaps.slice(1, -1).flatMap(chunks))) {
    if (!MARK.test(text)) behind += `${spaceBefore ? ' ' : ''}${text}`;
    else if (!spaceBefore || spaceAfter) behind += text;
    else if (chunks(last).some((chunk) => chunk.text === text)) before += text;
    else opening += text;
  }
  const { before: space, inner, after } = parts(last);
  return { before, after: `${behind}${space}${opening}${inner}${after}` };
}
