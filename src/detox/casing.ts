import type { Token } from './model-form.ts';

const UPPER_START = /^\P{L}*\p{Lu}/u;
const LOWER_START = /^\P{L}*\p{Ll}/u;
const HAS_LOWER = /\p{Ll}/u;
const TWO_LETTERS = /\p{L}.*\p{L}/u;
const FIRST_LETTER = /\p{L}/u;
const FIRST_PERSON = /^i(?:'|$)/;

/** Abbreviations that are written in capitals without shouting. */
const ACRONYMS: ReadonlySet<string> = new Set(
  'wtf stfu gtfo lmao lmfao rofl omg omfg ffs fu bs pos af mf sob tbh imo imho lol'.split(' '),
);

/** Words that start sentences and are not names. They become lower case when other words precede them. */
const SENTENCE_STARTS: ReadonlySet<string> = new Set(
  (
    "you you're you've your yours he he's she she's it it's its we we're we've they they're they've their this that " +
    "that's these those there there's here the a an my his her our what what's who who's why how when where which if " +
    'is are was were do does did can could will would should have has had not no yes so and but or because as at in on ' +
    'of for from with to go get stop let please just all some every any another one people look listen only even also ' +
    "don't never always fix read learn turn give take put try keep come tell show make use check leave wait play pass press " +
    'follow think stay answer delete remove add return send write say move clean close open watch pay bring slow'
  ).split(' '),
);

type WordCase = 'upper' | 'title' | 'lower' | 'other';

export function caseOf(raw: string): WordCase {
  if (UPPER_START.test(raw)) {
    if (!HAS_LOWER.test(raw) && TWO_LETTERS.test(raw)) return 'upper';
    return raw === raw.toUpperCase() || !/\p{Lu}/u.test(raw.replace(FIRST_LETTER, '')) ? 'title' : 'other';
  }
  return LOWER_START.test(raw) && !/\p{Lu}/u.test(raw) ? 'lower' : 'other';
}

export function capitalized(word: string): string {
  return word.replace(FIRST_LETTER, (letter) => letter.toUpperCase());
}

/** A word that was first and no longer is: lower case, unless it may be a name. */
export function uncapitalized(raw: string): string {
  return SENTENCE_STARTS.has(raw.toLowerCase().replaceAll('’', "'")) && caseOf(raw) === 'title'
    ? raw.toLowerCase()
    : raw;
}

/** How the writer of a segment uses capitals. */
interface CaseStyle {
  /** Most words are in capitals. */
  readonly shouts: boolean;
  /** Writes `i` for `I`. */
  readonly lowersI: boolean;
  /** How a form is written elsewhere in the segment, except as the first word of a sentence. */
  readonly spelled: ReadonlyMap<string, string>;
}

export function caseStyle(raws: readonly string[], tokens: readonly Token[], starts: readonly boolean[]): CaseStyle {
  let words = 0;
  let shouted = 0;
  let lowersI = false;
  const spelled = new Map<string, string>();
  tokens.forEach((token, at) => {
    const raw = raws[at] ?? '';
    if (token.kind !== 'word') return;
    if (raw.startsWith('i') && FIRST_PERSON.test(token.form)) lowersI = true;
    if (TWO_LETTERS.test(raw)) {
      words++;
      if (caseOf(raw) === 'upper') shouted++;
    }
    if (!spelled.has(token.form) && (!starts[at] || caseOf(raw) !== 'title')) spelled.set(token.form, raw);
  });
  return { shouts: words >= 2 && shouted > 0.6 * words, lowersI, spelled };
}

/**
 * Writes a new word in the case that its place needs. `replaced` are the words of the source at that place, `count` is the
 * number of new words in their place.
 */
export function recase(
  form: string,
  place: { first: boolean; replaced: readonly string[]; count: number },
  style: CaseStyle,
): string {
  if (style.shouts) return form.toUpperCase();
  const known = style.spelled.get(form);
  if (known !== undefined && (caseOf(known) !== 'upper' || !SENTENCE_STARTS.has(form)))
    return place.first ? capitalized(known) : known;
  const { replaced } = place;
  const isShouted = replaced.every((raw) => caseOf(raw) === 'upper' && !ACRONYMS.has(raw.toLowerCase()));
  if (replaced.length > 0 && isShouted && place.count <= replaced.length + 1) return form.toUpperCase();
  if (FIRST_PERSON.test(form) && !style.lowersI) return capitalized(form);
  if (place.first) return capitalized(form);
  const [only] = replaced;
  const isTitle =
    replaced.length === 1 && place.count === 1 && only !== undefined && only.length > 1 && caseOf(only) === 'title';
  return isTitle ? capitalized(form) : form;
}
