import type { RowResult } from '../contract/outcome.ts';
import { differences } from './align.ts';
import { upperBound } from './calibration.ts';
import { lex } from './model-form.ts';

/** How far results of the same rows differ. */
export interface Moved {
  readonly checkedRows: number;
  /** Rows that are toxic in one result and not in the other. */
  readonly movedLabels: number;
  /** With 95 % confidence, at most this share of all rows changes its label. */
  readonly labelBound: number;
  /** Rows that are toxic in both and rewritten in at least one. */
  readonly rewrittenRows: number;
  /** Number of words and signs in the first output of those rows, and how many of them differ in the second. */
  readonly words: number;
  readonly movedWords: number;
}

/** The part of a row's result that is compared; null for a row without a result. */
export type Judged = Pick<RowResult, 'text' | 'detoxified' | 'toxicityBefore'> | null;

/**
 * Compares results of the same rows, in the same order. A row with a result in only one of them counts as a changed label.
 *
 * @param threshold toxic from here on (probability, 0 to 1)
 */
export function compareResults(first: readonly Judged[], second: readonly Judged[], threshold: number): Moved {
  let [movedLabels, rewrittenRows, words, movedWords] = [0, 0, 0, 0];
  const isToxic = (row: Judged): boolean | null => row && (row.toxicityBefore ?? 0) >= threshold;
  first.forEach((one, i) => {
    const other = second[i] ?? null;
    if (isToxic(one) !== isToxic(other)) movedLabels += 1;
    else if (one && other && isToxic(one) && (one.detoxified ?? other.detoxified) !== null) {
      const before = wordsOf(one);
      rewrittenRows += 1;
      words += before.length;
      for (const { from, to, newFrom, newTo } of differences(before, wordsOf(other))) {
        movedWords += Math.max(to - from, newTo - newFrom);
      }
    }
  });
  const labelBound = upperBound(movedLabels, first.length);
  return { checkedRows: first.length, movedLabels, labelBound, rewrittenRows, words, movedWords };
}

function wordsOf({ text, detoxified }: NonNullable<Judged>): string[] {
  return lex(detoxified ?? text).map(({ form }) => form);
}
