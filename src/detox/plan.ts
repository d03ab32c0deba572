import { differences, type Region } from './align.ts';
import { LINK_FORM, lex, MENTION_FORM, type Token } from './model-form.ts';
import { isWordy } from './sentences.ts';

/**
 * One token of a rewritten segment: a token of the source that stayed in place, or a new one. `moved` is the token of the
 * source that a new link or mention stands for.
 */
export type Piece =
  | { readonly form: string; readonly source: number }
  | { readonly form: string; readonly source: null; readonly moved: number | null };

const END_MARK = /^(?:[.!?]|\.\.\.)$/;
const WORDY = /[\p{L}\p{N}]/u;

export function isEndMark(form: string): boolean {
  return END_MARK.test(form);
}

/** True for a form with meaning: all but punctuation. */
export function isWordyForm(form: string): boolean {
  return WORDY.test(form);
}

/**
 * The tokens of a model's output. Tokens that the source has are taken unchanged. The others go through the lexer, because
 * not every checkpoint separates its punctuation.
 */
export function outputForms(output: string, source: readonly Token[]): string[] {
  const known = new Set(source.map(({ form }) => form));
  const forms: string[] = [];
  let unknown: string[] = [];
  const flush = (): void => {
    for (const token of lex(unknown.join(' '))) forms.push(token.form);
    unknown = [];
  };
  for (const part of output.split(/\s+/u)) {
    if (part === '') continue;
    if (known.has(part)) {
      flush();
      forms.push(part);
    } else unknown.push(part);
  }
  flush();
  return forms;
}

/**
 * Decides which tokens of the source stay and which words are new, in the order of the result.
 *
 * The model decides about words only; punctuation follows them. Marks at the ends of the segment, around a replaced word and
 * at the end of a sentence stay. A comma goes with the deleted words beside it. Quotes and brackets go in pairs. New
 * punctuation is ignored, except for a comma between new words. Links and mentions at the ends of a segment stay. A link or
 * mention that the model moved is moved; one that it invented is dropped.
 */
export function planPieces(source: readonly Token[], output: readonly string[]): Piece[] {
  const forms = source.map(({ form }) => form);
  const regions = differences(forms, output);
  const keep = new Array<boolean>(source.length).fill(true);
  const inserts = new Map<number, Piece[]>();
  const moved = placeholdersIn(source, regions);
  const { leading, trailing } = fixedEnds(source);
  for (const region of regions) {
    const words = newWords(output, region, moved);
    const first = keepPunctuation(source, region, words, keep);
    for (let i = region.from; i < region.to; i++) if (i < leading || i >= trailing) keep[i] = true;
    const at = Math.min(Math.max(first, leading), trailing);
    if (words.length > 0) inserts.set(at, [...(inserts.get(at) ?? []), ...words]);
  }
  for (const pieces of inserts.values()) {
    for (const piece of pieces) if (piece.source === null && piece.moved !== null) keep[piece.moved] = false;
  }
  pairUp(source, keep, inserts);
  const pieces: Piece[] = [];
  for (let i = 0; i <= source.length; i++) {
    pieces.push(...(inserts.get(i) ?? []));
    const token = source[i];
    if (token && keep[i]) pieces.push({ form: token.form, source: i });
  }
  return withoutOrphans(pieces, source.length);
}

/** Number of tokens at the start, and first token at the end, that always stay: punctuation, links, mentions. */
function fixedEnds(source: readonly Token[]): { leading: number; trailing: number } {
  const isFixed = (token: Token | undefined): boolean =>
    token !== undefined && (!isWordy(token) || token.kind === 'url' || token.kind === 'user');
  let leading = 0;
  while (isFixed(source[leading])) leading++;
  let trailing = source.length;
  while (trailing > leading && isFixed(source[trailing - 1])) trailing--;
  return { leading, trailing };
}

/** Links and mentions of the source that are not matched in place, by form, in order. */
function placeholdersIn(source: readonly Token[], regions: readonly Region[]): Map<string, number[]> {
  const found = new Map<string, number[]>([
    [LINK_FORM, []],
    [MENTION_FORM, []],
  ]);
  const { leading, trailing } = fixedEnds(source);
  for (const { from, to } of regions) {
    for (let i = Math.max(from, leading); i < Math.min(to, trailing); i++) {
      const token = source[i];
      if (token?.kind === 'url' || token?.kind === 'user') found.get(token.form)?.push(i);
    }
  }
  return found;
}

function newWords(output: readonly string[], region: Region, moved: Map<string, number[]>): Piece[] {
  const pieces: Piece[] = [];
  for (let k = region.newFrom; k < region.newTo; k++) {
    const form = output[k] ?? '';
    if (form === LINK_FORM || form === MENTION_FORM) {
      const from = moved.get(form)?.shift();
      if (from !== undefined) pieces.push({ form, source: null, moved: from });
    } else if (isWordyForm(form)) {
      pieces.push({ form, source: null, moved: null });
    } else if (form === ',' && pieces.length > 0 && isWordyForm(output[k + 1] ?? '')) {
      pieces.push({ form, source: null, moved: null });
    }
  }
  return pieces;
}

/** Decides about the tokens of a changed region. Returns the index of the source token before which the new words go. */
function keepPunctuation(source: readonly Token[], region: Region, words: readonly Piece[], keep: boolean[]): number {
  const { from, to } = region;
  let first = from;
  while (first < to && !isWordy(source[first] ?? never)) first++;
  if (first === to) return to; // only punctuation: it stays, and new words go behind it
  let last = to;
  while (!isWordy(source[last - 1] ?? never)) last--;
  // `calling me stupid, it hurts` keeps its comma, `a stupid, ugly dog` does not.
  const left = source[from - 1];
  const keepsComma = from === first && left?.kind === 'word' && !NOT_BEFORE_COMMA.has(left.form);
  const endsOpen = /^(?:and|or|but)$/.test(words.at(-1)?.form ?? '');
  for (let i = from; i < to; i++) {
    const form = source[i]?.form ?? '';
    const isBehind = i >= last && (isEndMark(form) || (keepsComma && LIGHT_MARK.test(form)));
    if (words.length === 0) keep[i] = isBehind || (i < first && isEndMark(form));
    else keep[i] = i < first || (i >= last && !(endsOpen && LIGHT_MARK.test(form)));
  }
  return first;
}

const NOT_BEFORE_COMMA: ReadonlySet<string> = new Set(
  'a an the this that these those my your his her its our their some any no very so such more most and or but'.split(
    ' ',
  ),
);

const never: Token = { form: '', start: 0, end: 0, kind: 'word' };

const CLOSERS = new Map([
  ['(', ')'],
  ['[', ']'],
  ['{', '}'],
]);

/** Quotes and brackets stay in pairs if words remain between them, and are removed in pairs otherwise. */
function pairUp(source: readonly Token[], keep: boolean[], inserts: ReadonlyMap<number, readonly Piece[]>): void {
  for (const [open, close] of pairsOf(source)) {
    let isFilled = false;
    for (let i = open + 1; i <= close && !isFilled; i++) {
      const token = source[i];
      isFilled =
        (inserts.get(i)?.length ?? 0) > 0 || (i < close && keep[i] === true && token !== undefined && isWordy(token));
    }
    const hadWords = source.slice(open + 1, close).some(isWordy);
    if (isFilled && (keep[open] || keep[close])) {
      keep[open] = true;
      keep[close] = true;
    } else if (!isFilled && hadWords) {
      keep[open] = false;
      keep[close] = false;
    }
  }
}

function pairsOf(source: readonly Token[]): [number, number][] {
  const pairs: [number, number][] = [];
  const open: number[] = [];
  let quote = -1;
  source.forEach(({ form }, i) => {
    if (form === '"') {
      if (quote >= 0) pairs.push([quote, i]);
      quote = quote >= 0 ? -1 : i;
    } else if (CLOSERS.has(form)) open.push(i);
    else {
      const last = open.at(-1);
      if (last !== undefined && CLOSERS.get(source[last]?.form ?? '') === form) {
        pairs.push([last, i]);
        open.pop();
      }
    }
  });
  return pairs;
}

const LIGHT_MARK = /^[,;:-]$/;
const BEFORE_LIGHT = /^(?:[,;:([{"-]|[.!?]|\.\.\.)$/;
const AFTER_LIGHT = /^(?:[,;:)\]}]|[.!?]|\.\.\.)$/;
const MAY_REPEAT = /[0-9]|^(?:urlx|@userx|that|had)$/;

/**
 * Removes tokens that only a deletion has moved to their place: a comma or dash at the start, beside another mark or before
 * the end; an end mark at the start or after another one; a word that repeats the word before it.
 */
function withoutOrphans(pieces: readonly Piece[], length: number): Piece[] {
  const isSeam = (left: Piece | undefined, right: Piece | undefined): boolean => {
    const before = left === undefined ? -1 : left.source;
    const after = right === undefined ? length : right.source;
    return before === null || after === null || after !== before + 1;
  };
  const kept: Piece[] = [];
  pieces.forEach((piece, at) => {
    const left = kept.at(-1);
    const right = pieces[at + 1];
    if (isSeam(left, piece)) {
      const isRepeated = left?.form === piece.form && isWordyForm(piece.form) && !MAY_REPEAT.test(piece.form);
      if (isRepeated) return;
      if (LIGHT_MARK.test(piece.form) && (left === undefined || BEFORE_LIGHT.test(left.form))) return;
      if (isEndMark(piece.form) && (left === undefined || isEndMark(left.form))) return;
    }
    const isLast = right === undefined || AFTER_LIGHT.test(right.form);
    if (LIGHT_MARK.test(piece.form) && isLast && isSeam(piece, right)) return;
    kept.push(piece);
  });
  return kept;
}
