import { joinForms, type Token } from './model-form.ts';
import { sentenceStarts } from './sentence-starts.ts';

/**
 * A part of a text that goes through the models on its own: a sentence, or a part of a long one.
 *
 * Segments are in order and do not overlap. Text between them (white space, emoji and punctuation without a word) is never
 * changed. So a text with some segments replaced is byte for byte the same elsewhere.
 */
export interface Segment {
  /** The half-open span in the source, in UTF-16 units, without white space at its ends. */
  readonly start: number;
  readonly end: number;
  /** The tokens in that span. At least one of them is a word, link, mention or number. */
  readonly tokens: readonly Token[];
  /** The text that the models get. */
  readonly form: string;
  /** False for a single token that is longer than a model's window: it cannot be rewritten. */
  readonly fits: boolean;
}

/**
 * Longest segment in tokens. The bundled models were trained on sentences of up to 24 tokens and lose words of much longer
 * ones. Longer sentences are split at clause borders.
 */
const MAX_TOKENS = 30;
/** A clause border is searched from here on, so that no part is too short. */
const MIN_CLAUSE_TOKENS = 8;
/**
 * If a line has at least this many characters and the next one starts in lower case, an editor wrapped it; the writer did not
 * end it.
 */
const WRAPPED_LINE_CHARS = 50;

const ABBREVIATIONS: ReadonlySet<string> = new Set(
  (
    'mr mrs ms mx dr prof st sr jr rev hon gen col capt lt sgt vs approx est dept univ inc ltd corp co ' +
    'fig vol ch pp ed eds al jan feb mar apr jun jul aug sep sept oct nov dec mon tue tues wed thu thurs fri'
  ).split(' '),
);
/** `no. 5`, `p. 12`: abbreviations before a number, words elsewhere. */
const NUMBER_ABBREVIATIONS: ReadonlySet<string> = new Set(['no', 'nos', 'p', 'art', 'sec', 'ca', 'c']);
const CLAUSE_STARTS: ReadonlySet<string> = new Set(
  'and but because so or while although though since unless when if then whereas yet'.split(' '),
);
const CLAUSE_ENDS: ReadonlySet<string> = new Set([',', ';', ':', '...', '-', ')']);

const NOT_SPACE = /\S/u;
const LINE_BREAK = /[\n\r\u2028\u2029]/u;
const LOWER_START = /^\p{Ll}/u;
/** `I` continues a sentence like a lower-case word. */
const WRAPPED_START = /^(?:\p{Ll}|I\P{L})/u;
const INITIALS = /^(?:\p{L}{1,2}\.)+\p{L}{1,2}$/u;
const SINGLE_CAPITAL = /^\p{Lu}$/u;

/**
 * Splits `text` into segments. `tokens` are those of `lex(text)`. `fits` says whether a model form fits the windows of the
 * models. Sentence ends are those of Unicode (UAX 29), with common mistakes corrected: abbreviations, initials, decimals,
 * links and ellipses do not end a sentence. A full stop before a lower-case word does, unless an abbreviation explains it.
 */
export function splitSegments(text: string, tokens: readonly Token[], fits: (form: string) => boolean): Segment[] {
  const segments: Segment[] = [];
  const borders = sentenceBorders(text, tokens);
  let first = 0;
  borders.forEach((border, at) => {
    let last = first;
    while (last < tokens.length && (tokens[last]?.start ?? border) < border) last++;
    const start = at === 0 ? 0 : (borders[at - 1] ?? 0);
    for (const [from, to] of withinLength(tokens, first, last)) {
      addFitting(segments, text, tokens, from, to, from === first ? start : null, to === last ? border : null, fits);
    }
    first = last;
  });
  return segments;
}

/** True for tokens with meaning: all but punctuation. */
export function isWordy(token: Token): boolean {
  return token.kind !== 'point' && token.kind !== 'dots';
}

/** Ends of sentences as offsets into `text`; the last one is the end of the text. */
function sentenceBorders(text: string, tokens: readonly Token[]): number[] {
  const borders: number[] = [];
  let next = 0;
  // All borders in one gap get the same verdict, except for the first one of a text. A gap may have a million line breaks.
  let judged = { next: -1, isFar: false, ends: false };
  for (const index of sentenceStarts(text)) {
    while (next < tokens.length && (tokens[next]?.start ?? index) < index) next++;
    const before = tokens[next - 1];
    if (before && before.end > index) continue;
    const isFar = index > WRAPPED_LINE_CHARS;
    if (judged.next !== next || judged.isFar !== isFar) {
      judged = { next, isFar, ends: endsSentence(text, tokens, next, isFar) };
    }
    if (judged.ends) borders.push(index);
  }
  for (let at = 2; at < tokens.length; at++) {
    const after = tokens[at];
    if (after && stopBeforeLowerCase(text, tokens, at)) borders.push(after.start);
  }
  borders.sort((a, b) => a - b);
  borders.push(text.length);
  return borders;
}

/** Whether Unicode's border before token `next` counts; `isFar`: it is not at the start of the text. */
function endsSentence(text: string, tokens: readonly Token[], next: number, isFar: boolean): boolean {
  const mark = tokens[next - 1];
  const after = tokens[next];
  if (!mark || !after) return true;
  const gap = text.slice(mark.end, after.start);
  if (LINE_BREAK.test(gap)) return !(isFar && isWrappedLine(text, mark, after));
  if (mark.kind === 'dots') return false;
  if (mark.form !== '.') return true;
  const word = tokens[next - 2];
  return !word || word.end !== mark.start || !isAbbreviation(text, word, after);
}

/** The border is at a single line break that only wraps a long line. */
function isWrappedLine(text: string, before: Token, after: Token): boolean {
  if (!isWordy(before) || !WRAPPED_START.test(text.slice(after.start, after.start + 2))) return false;
  const lineEnd = text.slice(before.end, after.start).search(LINE_BREAK) + before.end;
  const between = text.slice(before.end, after.start).replace('\r\n', '\n');
  if (between.trim() !== '' || [...between].filter((char) => LINE_BREAK.test(char)).length > 1) return false;
  const reach = Math.max(0, lineEnd - WRAPPED_LINE_CHARS);
  return !LINE_BREAK.test(text.slice(reach, lineEnd));
}

/** `shut up. you are wrong`: a stop, white space, a lower-case word, and no abbreviation before. */
function stopBeforeLowerCase(text: string, tokens: readonly Token[], at: number): boolean {
  const [word, mark, after] = [tokens[at - 2], tokens[at - 1], tokens[at]];
  if (!word || mark?.form !== '.' || after?.kind !== 'word' || mark.end === after.start) return false;
  if (mark.end - mark.start !== 1 || word.end !== mark.start || word.form.length < 2) return false;
  return LOWER_START.test(text.slice(after.start, after.start + 2)) && !isAbbreviation(text, word, after);
}

function isAbbreviation(text: string, word: Token, after: Token): boolean {
  const raw = text.slice(word.start, word.end);
  if (ABBREVIATIONS.has(word.form) || INITIALS.test(raw)) return true;
  if (word.form === 'etc') return LOWER_START.test(text.slice(after.start, after.start + 2));
  if (NUMBER_ABBREVIATIONS.has(word.form) && /^[0-9]/.test(after.form)) return true;
  return SINGLE_CAPITAL.test(raw) && raw !== 'I';
}

/** Cuts tokens `from` to `to` into ranges of at most `MAX_TOKENS`, at clause borders where there are any. */
function withinLength(tokens: readonly Token[], from: number, to: number): [number, number][] {
  const ranges: [number, number][] = [];
  let start = from;
  while (to - start > MAX_TOKENS) {
    const cut = clauseBorder(tokens, start, to);
    ranges.push([start, cut]);
    start = cut;
  }
  ranges.push([start, to]);
  return ranges;
}

/** Best place to cut: the last border after punctuation, else before a conjunction, else the middle or the limit. */
function clauseBorder(tokens: readonly Token[], start: number, to: number): number {
  const latest = Math.min(start + MAX_TOKENS, to - MIN_CLAUSE_TOKENS);
  let beforeConjunction = 0;
  for (let cut = latest; cut >= start + MIN_CLAUSE_TOKENS; cut--) {
    if (CLAUSE_ENDS.has(tokens[cut - 1]?.form ?? '')) return cut;
    if (beforeConjunction === 0 && CLAUSE_STARTS.has(tokens[cut]?.form ?? '')) beforeConjunction = cut;
  }
  if (beforeConjunction > 0) return beforeConjunction;
  return to - start < 2 * MAX_TOKENS ? start + Math.ceil((to - start) / 2) : start + MAX_TOKENS;
}

/** Adds tokens `from` to `to` as one segment, or as several if they do not fit the windows. */
function addFitting(
  segments: Segment[],
  text: string,
  tokens: readonly Token[],
  from: number,
  to: number,
  spanStart: number | null,
  spanEnd: number | null,
  fits: (form: string) => boolean,
): void {
  const own = tokens.slice(from, to);
  const [first, last] = [own[0], own.at(-1)];
  if (!first || !last || !own.some(isWordy)) return;
  const form = joinForms(own);
  const doesFit = fits(form);
  if (!doesFit && own.length > 1) {
    const middle = from + (own.length >> 1);
    addFitting(segments, text, tokens, from, middle, spanStart, null, fits);
    addFitting(segments, text, tokens, middle, to, null, spanEnd, fits);
    return;
  }
  const start = spanStart === null ? first.start : spanStart + text.slice(spanStart, first.start).search(/\S|$/u);
  let end = spanEnd ?? last.end;
  while (end > last.end && !NOT_SPACE.test(text.slice(end - 1, end))) end--;
  segments.push({ start, end, tokens: own, form, fits: doesFit });
}
