import { differences } from './align.ts';
import type { Token } from './model-form.ts';
import { isWordyForm } from './plan.ts';

/**
 * A new word that is this similar to a word of the source (see `likeness`) is a misspelling of it. A less similar word was
 * meant to replace it.
 */
const SLIP = 0.4;
const LONGEST_COMPARED = 40;
const CLITIC = /'(?:s|re|ll|ve|d|m|t)?$/;

/**
 * Corrects misspellings of a small model: new words that neither the source nor `knownWords` has. If a similar word was
 * removed at the same place (`flyingests` for `requests`), that word returns. Otherwise the new word is dropped, because the
 * word that it replaces was the reason for the rewrite. But if nothing else is new and the checkpoint knows all removed
 * words, there was no reason to remove them, and they return.
 *
 * `output` is in model form, one entry per token, and so is the result.
 */
export function repairWords(
  source: readonly Token[],
  output: readonly string[],
  knownWords: ReadonlySet<string>,
): readonly string[] {
  const forms = source.map(({ form }) => form);
  const own = new Set(forms);
  const isUnknown = (word: string): boolean => isWordyForm(word) && !own.has(word) && !isKnown(word, knownWords, own);
  if (!output.some(isUnknown)) return output;
  const repaired: string[] = [];
  let done = 0;
  for (const { from, to, newFrom, newTo } of differences(forms, output)) {
    repaired.push(...output.slice(done, newFrom));
    const fresh = output.slice(newFrom, newTo);
    const removed = forms.slice(from, to).filter(isWordyForm);
    const isSlip = fresh.some(isUnknown) && fresh.every((word) => isUnknown(word) || !isWordyForm(word));
    if (isSlip && removed.every((word) => isKnown(word, knownWords, NONE))) {
      repaired.push(...forms.slice(from, to));
      done = newTo;
      continue;
    }
    for (const word of fresh) {
      if (!isUnknown(word)) {
        repaired.push(word);
        continue;
      }
      const [best] = removed.map((old) => ({ old, like: likeness(old, word) })).sort((a, b) => b.like - a.like);
      if (best === undefined || best.like < SLIP) continue;
      repaired.push(best.old);
      removed.splice(removed.indexOf(best.old), 1);
    }
    done = newTo;
  }
  repaired.push(...output.slice(done));
  return repaired;
}

const NONE: ReadonlySet<string> = new Set();

/** A word, its plural or possessive, or a compound of them, that the checkpoint or the source knows. */
function isKnown(word: string, knownWords: ReadonlySet<string>, own: ReadonlySet<string>): boolean {
  const has = (part: string): boolean => knownWords.has(part) || own.has(part);
  const base = word.replace(CLITIC, '');
  if (has(word) || has(base) || (base.endsWith('s') && has(base.slice(0, -1)))) return true;
  const compound = base.split(/[-_/.&]/);
  return compound.length > 1 && compound.every((part) => has(part));
}

/** Ratio of matched letters, 0 to 1: twice the longest common subsequence over the sum of the lengths. */
function likeness(a: string, b: string): number {
  const left = [...a.slice(0, LONGEST_COMPARED)];
  const right = [...b.slice(0, LONGEST_COMPARED)];
  let row = new Array<number>(right.length + 1).fill(0);
  for (const char of left) {
    const next = [0];
    right.forEach((other, j) => {
      next.push(char === other ? (row[j] ?? 0) + 1 : Math.max(row[j + 1] ?? 0, next[j] ?? 0));
    });
    row = next;
  }
  return (2 * (row.at(-1) ?? 0)) / (left.length + right.length);
}
