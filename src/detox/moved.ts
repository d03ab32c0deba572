import type { RowResult } from '../contract/outcome.ts';
import { differences } from './align.ts';
import { upperBound } from './calibration.ts';
import { lex } from './model-form.ts';

/** How far results of the same rows lie apart. */
export interface Moved {
  readonly checkedRows: number;
  /** Rows that are toxic in one and not in the other. */
  readonly movedLabels: number;
  /** With 95 % confidence, at most this share of all rows moves so. */
  readonly labelBound: number;
  /** Rows that are toxic in both and rewritten in at least one. */
  readonly rewrittenRows: number;
  /** Words and signs of those rows' texts as they came out first, and how many are others. */
  readonly words: number;
  readonly movedWords: number;
}

/** What is looked at of a row; null for a row that has no result. */
export type Judged = Pick<RowResult, 'text' | 'detoxified' | 'toxicityBefore'> | null;

/**
 * Compares results of the same rows, in the same order. A row with a result in one and none in the other counts as a label that moved.
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
