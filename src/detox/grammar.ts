import type { Piece } from './plan.ts';

/** Written with a vowel, spoken with a consonant: `a user`, `a union`, `a European`, `a one-off`. */
const CONSONANT_SOUND = /^(?:u[bcfhjkqrst][aeiou]|uni(?!n|m)|eu|ewe|once|one(?:$|[-']))/;
/** Written with a consonant, spoken with a vowel: `an hour`. */
const VOWEL_SOUND = /^(?:hour|honest|honou?r|heir|8|11(?:$|[^0-9])|18(?:$|[^0-9]))/;
/** `an usher`: the exception to `use`, `usual`, `usurp`. */
const PLAIN_U = /^ush/;

export function isArticle(form: string): boolean {
  return form === 'a' || form === 'an';
}

/** `a` or `an`, as the next word requires. */
export function articleBefore(next: string): 'a' | 'an' {
  if (VOWEL_SOUND.test(next)) return 'an';
  const startsWithVowel = /^[aeiou]/.test(next);
  return startsWithVowel && !(CONSONANT_SOUND.test(next) && !PLAIN_U.test(next)) ? 'an' : 'a';
}

/** Words that need a noun after them. `his`, `that` and similar words can stand alone; see also `OFTEN_MISSPELT`. */
const DETERMINERS: ReadonlySet<string> = new Set('a an the my our every'.split(' '));
/** Adjectives that often precede a swear word and need a noun, too. */
const INTENSIFIERS: ReadonlySet<string> = new Set('such complete total utter absolute'.split(' '));
/** Words that do not end a clause, unless they did in the source. */
const NEED_MORE: ReadonlySet<string> = new Set(
  'a an the my your our their every and or but than because very as of if while although unless how such'.split(' '),
);
/** The same for words that a deletion has left at the end. A rewrite may well end with them. */
const NEED_MORE_LEFT: ReadonlySet<string> = new Set(
  "is are was were am be being been isn't aren't i'm you're he's she's it's we're they're full".split(' '),
);
/** Words that cannot follow a determiner: verbs, conjunctions, prepositions, pronouns. */
const NO_NOUN: ReadonlySet<string> = new Set(
  (
    "is are was were be been am isn't aren't wasn't weren't has have had hasn't haven't do does did don't doesn't didn't " +
    "will would can could should shall may might must won't can't couldn't wouldn't shouldn't and or but because if when " +
    'while although though so than then of to in on at for with by from into about who which that this these those there ' +
    "i you he she it we they me him them us i'm you're he's she's it's we're they're your my their our his her its a an the " +
    'not why how what where out off up down'
  ).split(' '),
);
/** `full of morons who can't read` -> `not being honest who can't read`; `such a crybaby` -> `so a crybaby` */
const PREDICATES: ReadonlySet<string> = new Set(
  'honest clearly mistaken smart bad good nice careless unkind naive wrong'.split(' '),
);
const RELATIVES: ReadonlySet<string> = new Set(['who', 'whose']);
const DEGREES: ReadonlySet<string> = new Set(['so', 'very', 'too']);
const TO_BE: ReadonlySet<string> = new Set('is are was were am be'.split(' '));
const CONJUNCTIONS: ReadonlySet<string> = new Set(['and', 'or', 'but']);
/** `your not`, `their a`: these mean `you're` and `they're` so often that text after them is not always a fault. */
const OFTEN_MISSPELT: ReadonlySet<string> = new Set(['your', 'their']);
const AFTER_MISSPELT: ReadonlySet<string> = new Set('a an the not in on at so just why how what'.split(' '));
/** Words that small models often write in place of a swear word, noun or not: `what a bad...`, `that is total bad` */
const LONE_ADJECTIVES: ReadonlySet<string> = new Set(
  'bad good nice silly very not mean wrong rude unpleasant unkind naive unwise careless'.split(' '),
);
/** `this the build` has lost its subject. */
const DEMONSTRATIVES: ReadonlySet<string> = new Set(['this', 'these', 'those']);
const CLAUSE_END = /^(?:[.,!?;:)\]]|\.\.\.)$/;

/**
 * Whether a rewrite has a phrase without its head: `such a , kevin`, `what an !`, `you are the .`, `boring as .` It checks
 * only the places that the rewrite changed. It is a small check of English, not a parser.
 */
export function hasLostHead(pieces: readonly Piece[], source: readonly { readonly form: string }[]): boolean {
  return pieces.some((piece, at) => {
    const next = pieces[at + 1];
    const isAsWritten =
      piece.source !== null &&
      (next === undefined ? piece.source === source.length - 1 : next.source === piece.source + 1);
    if (isAsWritten) return false;
    const endsHere = next === undefined || CLAUSE_END.test(next.form) || beginsClause(next, source);
    if (endsHere && piece.source !== null && CLAUSE_END.test(source[piece.source + 1]?.form ?? '.')) return false;
    if (endsHere) return NEED_MORE.has(piece.form) || (piece.source !== null && NEED_MORE_LEFT.has(piece.form));
    return (
      (piece.source === null ? clashesAsNew : clashesAsLeft)(piece.form, next.form) ||
      lacksNoun(piece, next, pieces[at + 2])
    );
  });
}

/** A new word that cannot precede `next`. */
function clashesAsNew(word: string, next: string): boolean {
  return (PREDICATES.has(word) && RELATIVES.has(next)) || (DEGREES.has(word) && isArticle(next));
}

/** A word of the source that cannot precede `next`, to which the rewrite has moved it. */
function clashesAsLeft(word: string, next: string): boolean {
  if (DEMONSTRATIVES.has(word)) return DETERMINERS.has(next);
  if (INTENSIFIERS.has(word)) return NO_NOUN.has(next) && !isArticle(next);
  if (TO_BE.has(word)) return CONJUNCTIONS.has(next);
  return OFTEN_MISSPELT.has(word) && NO_NOUN.has(next) && !AFTER_MISSPELT.has(next);
}

/** A determiner or similar word without a noun after it. */
function lacksNoun(piece: Piece, next: Piece, afterNext: Piece | undefined): boolean {
  const isDeterminer = DETERMINERS.has(piece.form);
  if (!isDeterminer && !INTENSIFIERS.has(piece.form)) return false;
  const endsAfterNext = afterNext === undefined || CLAUSE_END.test(afterNext.form);
  if (next.source === null && LONE_ADJECTIVES.has(next.form) && endsAfterNext) return true;
  return isDeterminer && (NO_NOUN.has(next.form) || (isArticle(piece.form) && next.form === 'next'));
}

/** In the source, the word followed a comma or similar: `such an idiot, Kevin` -> `such an Kevin`. */
function beginsClause({ source: at }: Piece, source: readonly { readonly form: string }[]): boolean {
  return at !== null && CLAUSE_END.test(source[at - 1]?.form ?? '');
}
