import { surfaceVocabulary } from '../inspect/vocabulary.ts';

/** Vocabularies start with frequent words. Later words are rarer than those of a comment. */
const WORDS = 2000;

/**
 * Texts of the tokenizer's own words, one token each. A calibration needs texts of given lengths in the model's language, but
 * no meaning. The texts are the same each time.
 */
export function createTexts(folder: string): (words: number) => string {
  const found = [...surfaceVocabulary(folder)].filter((token) => /^ \p{Ll}{2,}$/u.test(token)).slice(0, WORDS);
  const words = found.length > 0 ? found.map((token) => token.slice(1)) : ['a'];
  let state = 1;
  const next = (): string => {
    // Knuth's multiplier; the upper bits are the random ones.
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
    return words[(state >>> 8) % words.length] ?? 'a';
  };
  return (count) => Array.from({ length: count }, next).join(' ');
}
