import { differences, type Region } from './align.ts';
import { isWordyForm } from './plan.ts';

const NEGATIONS: ReadonlySet<string> = new Set([
  'not',
  'no',
  'never',
  'none',
  'nobody',
  'nothing',
  'neither',
  'nor',
  'cannot',
  'without',
]);
const NOT_ENDING = /n't$/;
const AUXILIARIES: ReadonlySet<string> = new Set(['do', 'does', 'did']);

function isNegation(form: string): boolean {
  return NEGATIONS.has(form) || NOT_ENDING.test(form);
}

/** `isn't` -> `is`, `don't` -> nothing; `won't` and `can't` are close enough. */
function withoutNegation(forms: readonly string[]): string {
  return forms
    .filter((form) => isWordyForm(form) && !NEGATIONS.has(form))
    .map((form) => form.replace(NOT_ENDING, ''))
    .filter((form) => !AUXILIARIES.has(form))
    .join(' ');
}

/** Edits that are this close (matched tokens between them) belong to one change of the sentence. */
const CLOSE = 3;

/**
 * The changes of a rewrite to a sentence: regions of difference, with close ones joined (`is
 * not
 * a
 * nice person` for `is a complete idiot` is one change).
 */
export function changesOf(before: readonly string[], after: readonly string[]): Region[] {
  const changes: Region[] = [];
  for (const region of differences(before, after)) {
    const last = changes.at(-1);
    if (last && region.from - last.to < CLOSE) {
      changes[changes.length - 1] = { from: last.from, to: region.to, newFrom: last.newFrom, newTo: region.newTo };
    } else changes.push(region);
  }
  return changes;
}

/** Whether a rewrite changes nothing but the negation at a place: `she is a liar` -> `she is not a liar`. */
export function turnsMeaning(before: readonly string[], after: readonly string[]): boolean {
  return changesOf(before, after).some(({ from, to, newFrom, newTo }) => {
    const [old, now] = [before.slice(from, to), after.slice(newFrom, newTo)];
    const isNegated = old.filter(isNegation).length !== now.filter(isNegation).length;
    return isNegated && withoutNegation(old) === withoutNegation(now);
  });
}
