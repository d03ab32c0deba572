import { capitalized, caseOf, caseStyle, recase, uncapitalized } from './casing.ts';
import { closeGap, openGap } from './gaps.ts';
import { articleBefore, isArticle } from './grammar.ts';
import { LINK_FORM, MENTION_FORM, type Token } from './model-form.ts';
import { isEndMark, isWordyForm, type Piece } from './plan.ts';
import type { Segment } from './sentences.ts';

const CLOSING = /^(?:[,.;:!?)\]}%]|\.\.\.)$/;
const OPENING = /^[([{$#@/-]$/;
const OPENING_QUOTES = new Set(['“', '‘', '«', '„', '‹', '¿', '¡']);
const CLOSING_QUOTES = new Set(['”', '’', '»', '›']);

/**
 * Builds the text of a rewritten segment from `pieces`, in the surface form of the source. Tokens that stayed are copied with
 * the gaps between them. New words get the case and spacing of the words that they replace.
 *
 * If every token stayed, the result is the source, byte for byte.
 */
export function renderPieces(text: string, segment: Segment, pieces: readonly Piece[]): string {
  const { tokens } = segment;
  const raws = tokens.map(({ start, end }) => text.slice(start, end));
  const starts = sentenceStarts(tokens);
  const style = caseStyle(raws, tokens, starts);
  const quoteSides = sidesOfQuotes(tokens, raws);
  /** The gap before token `i`; for `i` = number of tokens, the gap after the last token. */
  const gapBefore = (i: number): string =>
    text.slice(tokens[i - 1]?.end ?? segment.start, tokens[i]?.start ?? segment.end);

  let out = '';
  let last = -1; // the last source token written
  let pending: { piece: Piece & { source: null }; first: boolean }[] = [];
  let isStart = true; // no word since the start or since an end mark
  let capitalHere = startsWithCapital(0, tokens, raws);

  const isTight = (i: number, side: 'left' | 'right'): boolean => {
    const form = tokens[i]?.form ?? '';
    const raw = raws[i]?.charAt(0) ?? '';
    if (form === '"') return quoteSides.get(i) === (side === 'left' ? 'open' : 'close');
    if (side === 'left') return OPENING.test(form) || OPENING_QUOTES.has(raw);
    return CLOSING.test(form) || CLOSING_QUOTES.has(raw);
  };

  /** Writes the text between the last written token and token `i`: new words, and the gaps around them. */
  const writeSeam = (i: number): void => {
    const gaps: string[] = [];
    for (let g = last + 1; g <= i; g++) gaps.push(gapBefore(g));
    const atEnd = i === tokens.length;
    const tightLeft = last >= 0 && isTight(last, 'left');
    const tightRight = !atEnd && isTight(i, 'right');
    if (pending.length === 0) {
      out += closeGap(gaps, { atStart: last < 0, atEnd, tightLeft, tightRight });
      return;
    }
    const replaced: string[] = [];
    for (let t = last + 1; t < i; t++) if (isWordyForm(tokens[t]?.form ?? '')) replaced.push(raws[t] ?? '');
    let { before, after } = gaps.length > 1 ? openGap(gaps) : splitGap(gaps[0] ?? '', tightLeft, tightRight || atEnd);
    if (last >= 0 && before === '' && !tightLeft && !isJoined(last)) before = ' ';
    if (!atEnd && after === '' && !tightRight && !isJoined(i - 1)) after = ' ';
    const words = pending.filter(({ piece }) => isWordyForm(piece.form)).length;
    out += before;
    pending.forEach(({ piece, first }, at) => {
      let word = piece.form;
      if (piece.moved !== null) word = raws[piece.moved] ?? '';
      else if (isWordyForm(word)) word = recase(word, { first, replaced, count: words }, style);
      out += at === 0 || CLOSING.test(piece.form) ? word : ` ${word}`;
    });
    out += after;
    pending = [];
  };
  /** Tokens `i` and `i + 1` of the source stand together without a space, and one is punctuation, as in `and/or`. */
  const isJoined = (i: number): boolean =>
    i >= 0 &&
    gapBefore(i + 1) === '' &&
    !(isWordyForm(tokens[i]?.form ?? '') && isWordyForm(tokens[i + 1]?.form ?? ''));

  pieces.forEach((planned, at) => {
    const first = isStart && capitalHere;
    const next = pieces[at + 1];
    const isSeam = planned.source === null || next?.source !== planned.source + 1;
    const agrees = !isSeam || !next || !isWordyForm(next.form) || !isArticle(planned.form);
    const piece = agrees ? planned : { ...planned, form: articleBefore(next.form) };
    if (piece.source === null) {
      pending.push({ piece, first });
      if (isOpeningWord(piece.form)) isStart = false;
      return;
    }
    const i = piece.source;
    if (i === last + 1 && pending.length === 0) out += gapBefore(i);
    else writeSeam(i);
    let raw = raws[i] ?? '';
    if (piece !== planned) raw = inCaseOf(raw, piece.form, style.shouts);
    if (tokens[i]?.kind === 'word') {
      if (first && !starts[i] && caseOf(raw) === 'lower') raw = capitalized(raw);
      else if (!isStart && starts[i] && pieces[at - 1]?.source !== i - 1) raw = uncapitalized(raw);
    }
    out += raw;
    last = i;
    if (isOpeningWord(piece.form)) isStart = false;
    if (isEndMark(piece.form)) {
      isStart = true;
      capitalHere = startsWithCapital(i + 1, tokens, raws);
    }
  });
  if (last === tokens.length - 1 && pending.length === 0) out += gapBefore(tokens.length);
  else writeSeam(tokens.length);
  return out;
}

/** Whether a new word may be at the left or the right of an undivided gap. */
function splitGap(gap: string, tightLeft: boolean, tightRight: boolean): { before: string; after: string } {
  if (tightLeft) return { before: gap, after: tightRight ? '' : ' ' };
  if (tightRight) return { before: ' ', after: gap };
  return { before: gap, after: gap === '' ? '' : ' ' };
}

/** An article in another form: `An` -> `A`. */
function inCaseOf(raw: string, form: string, shouts: boolean): string {
  if (shouts) return form.toUpperCase();
  return caseOf(raw) === 'lower' ? form : capitalized(form);
}

/** A word that a sentence can start with. A mention or link before it does not count. */
function isOpeningWord(form: string): boolean {
  return isWordyForm(form) && form !== LINK_FORM && form !== MENTION_FORM;
}

/** Which straight quotes open and which close, by alternation. Curly quotes show it themselves. */
function sidesOfQuotes(tokens: readonly Token[], raws: readonly string[]): Map<number, 'open' | 'close'> {
  const sides = new Map<number, 'open' | 'close'>();
  let isOpen = false;
  tokens.forEach(({ form }, i) => {
    if (form !== '"') return;
    const char = raws[i]?.charAt(0) ?? '';
    if (OPENING_QUOTES.has(char)) isOpen = false;
    if (CLOSING_QUOTES.has(char)) isOpen = true;
    sides.set(i, isOpen ? 'close' : 'open');
    isOpen = !isOpen;
  });
  return sides;
}

/** For each token: whether it is the first word of the segment or of a sentence in it. */
function sentenceStarts(tokens: readonly Token[]): boolean[] {
  let isStart = true;
  return tokens.map(({ form }) => {
    const wasStart = isStart && isOpeningWord(form);
    if (isOpeningWord(form)) isStart = false;
    else if (isEndMark(form)) isStart = true;
    return wasStart;
  });
}

function startsWithCapital(from: number, tokens: readonly Token[], raws: readonly string[]): boolean {
  for (let i = from; i < tokens.length; i++) {
    const token = tokens[i];
    if (token && isWordyForm(token.form) && token.kind === 'word') {
      const written = caseOf(raws[i] ?? '');
      return written === 'title' || written === 'upper';
    }
  }
  return false;
}
