import type { Token } from './model-form.ts';
import { isEndMark, isWordyForm, type Piece } from './plan.ts';
import type { Segment } from './sentences.ts';

const CAPITALISED = /^\p{Lu}\p{Ll}/u;
const STARTS_LOWER = /^\p{Ll}/u;
const OPENS = /^["'([{:*]$/;
const POSSESSIVE = /'s$/;

/**
 * Forms of words that look like names in the source of a segment and are missing in its rewrite. Such words have a capital
 * but do not start a sentence, in a segment where most words have none. Swear words may look like this, too; the scorer
 * decides whether a lost word was one.
 */
export function lostNames(text: string, { tokens }: Segment, pieces: readonly Piece[]): string[] {
  const surface = ({ start, end }: Token): string => text.slice(start, end);
  const words = tokens.filter(({ kind }) => kind === 'word');
  if (2 * words.filter((word) => STARTS_LOWER.test(surface(word))).length < words.length) return [];
  const left = new Map<string, number>();
  for (const { form } of pieces) left.set(stem(form), (left.get(stem(form)) ?? 0) + 1);
  const lost: string[] = [];
  tokens.forEach((token, at) => {
    const before = tokens[at - 1];
    const isFirst = before === undefined || isEndMark(before.form) || OPENS.test(before.form);
    if (isFirst || token.kind !== 'word' || !CAPITALISED.test(surface(token))) return;
    const name = stem(token.form);
    const count = left.get(name) ?? 0;
    if (count > 0) left.set(name, count - 1);
    else if (isWordyForm(name)) lost.push(name);
  });
  return [...new Set(lost)];
}

function stem(form: string): string {
  return form.replace(POSSESSIVE, '');
}
