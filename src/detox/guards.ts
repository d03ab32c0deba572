import { chrf } from './chrf.ts';
import { hasLostHead } from './grammar.ts';
import { LINK_FORM, MENTION_FORM } from './model-form.ts';
import { turnsMeaning } from './negation.ts';
import { isWordyForm, type Piece } from './plan.ts';
import type { Segment } from './sentences.ts';

/**
 * Reasons to reject a rewrite.
 * - `empty`: no word is left
 * - `runaway`: the model did not finish, wrote far more than it read, or repeats itself
 * - `name`: a word that looks like a name is gone, and the scorer finds it harmless
 * - `link`, `number`: a link, mention or number of the source is gone, or a new one appeared
 * - `grammar`: the rewrite leaves a determiner or conjunction without its phrase (`such an, Kevin`)
 * - `meaning`: hardly anything of the source is left, or only a negation has changed
 * - `window`: a single toxic word is longer than the models' windows, so it is not rewritten
 * - `not_better`: the scorer finds the rewrite about as toxic as the source, or more
 */
export type Guard = 'empty' | 'runaway' | 'link' | 'number' | 'name' | 'grammar' | 'meaning' | 'window' | 'not_better';

/** A rewrite may have at most this many times the words of its source, plus a few. */
const MOST_WORDS_RATIO = 1.5;
const MOST_WORDS_EXTRA = 6;
const LONGEST_NEW_WORD = 30;
/** From this many words on, a rewrite must have some length. Shorter sources (`Shut up.`) may change completely. */
const MEANING_WORDS = 6;
const LEAST_WORDS_RATIO = 0.25;
/**
 * From this many words on, a rewrite must resemble its source. `Go to hell, you piece of trash` may become `Please leave me
 * alone`.
 */
const LIKENESS_WORDS = 10;
const LEAST_SIMILARITY = 0.12;
const NUMBER = /^#?[0-9]+(?:[.,:/][0-9]+)*%?$/;
/** `u r 2 stupid 4 this`: digits that stand for words, and the words that rewrites make of them. */
const SPOKEN_DIGITS: ReadonlyMap<string, readonly string[]> = new Map([
  ['2', ['to', 'too', 'two']],
  ['4', ['for', 'four']],
  ['1', ['one']],
]);

/**
 * Returns the first guard that rejects the rewrite of a segment, or null. `text` is the source, `rewritten` the new segment.
 * `isSound` is false for a rewrite that is unfinished or repeats itself.
 */
export function failedGuard(
  text: string,
  segment: Segment,
  pieces: readonly Piece[],
  rewritten: string,
  isSound: boolean,
): Guard | null {
  const source = segment.tokens;
  const wordsBefore = source.filter(({ form }) => isWordyForm(form)).length;
  const wordsAfter = pieces.filter(({ form }) => isWordyForm(form)).length;
  if (wordsAfter === 0) return 'empty';
  if (!isSound || wordsAfter > MOST_WORDS_RATIO * wordsBefore + MOST_WORDS_EXTRA) return 'runaway';
  if (!keepsPlaceholders(segment, pieces)) return 'link';
  if (!keepsNumbers(segment, pieces)) return 'number';
  if (hasLostHead(pieces, source)) return 'grammar';
  const forms = (list: readonly { readonly form: string }[]): string[] => list.map(({ form }) => form);
  if (turnsMeaning(forms(source), forms(pieces))) return 'meaning';
  if (wordsBefore >= MEANING_WORDS) {
    if (wordsAfter < LEAST_WORDS_RATIO * wordsBefore) return 'meaning';
    if (wordsBefore < LIKENESS_WORDS) return null;
    // A rewrite that keeps half of the words cannot be too different, so the comparison is skipped.
    const kept = pieces.filter(({ source: from, form }) => from !== null && isWordyForm(form)).length;
    const isLike =
      2 * kept >= wordsBefore || chrf(rewritten, text.slice(segment.start, segment.end)) >= LEAST_SIMILARITY;
    if (!isLike) return 'meaning';
  }
  return null;
}

/**
 * Whether a model's output repeats one word three times, or a phrase of two to four words twice, where its source does not;
 * or contains an endless word.
 */
export function stammers(source: readonly string[], output: readonly string[]): boolean {
  const repeats = (forms: readonly string[]): boolean =>
    forms.some((form, i) => isWordyForm(form) && form === forms[i + 1] && form === forms[i + 2]);
  const own = new Set(source);
  const isEndless = output.some((form) => form.length > LONGEST_NEW_WORD && !own.has(form));
  return isEndless || (repeats(output) && !repeats(source)) || (repeatsPhrase(output) && !repeatsPhrase(source));
}

/** Matches `i do not like this i do not like this`, but not `no no no no`, which counts as one word. */
function repeatsPhrase(forms: readonly string[]): boolean {
  const words = forms.filter(isWordyForm);
  return [2, 3, 4].some((length) =>
    words.some((word, i) => {
      if (i + 2 * length > words.length) return false;
      const phrase = words.slice(i, i + length);
      return phrase.every((form, at) => form === words[i + length + at]) && phrase.some((form) => form !== word);
    }),
  );
}

function keepsPlaceholders(segment: Segment, pieces: readonly Piece[]): boolean {
  return [LINK_FORM, MENTION_FORM].every(
    (placeholder) =>
      segment.tokens.filter(({ form }) => form === placeholder).length ===
      pieces.filter(({ form }) => form === placeholder).length,
  );
}

function keepsNumbers(segment: Segment, pieces: readonly Piece[]): boolean {
  const left = pieces.map(({ form }) => form);
  for (const { form } of segment.tokens) {
    if (!NUMBER.test(form)) continue;
    const at = left.indexOf(form);
    if (at >= 0) left.splice(at, 1);
    else if (!SPOKEN_DIGITS.get(form)?.some((word) => left.includes(word))) return false;
  }
  return !left.some((form) => NUMBER.test(form));
}
