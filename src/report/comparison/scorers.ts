import type { Agreement } from './comparison.ts';

/** Probabilities of the toxic label by row number; rows that were not scored are absent. */
export type ScoresByRow = ReadonlyMap<number, number>;

/** How often two scorers are on the same side of the threshold, over the rows that both scored. Null without such rows. */
export function agreement(
  [a, first]: readonly [string, ScoresByRow],
  [b, second]: readonly [string, ScoresByRow],
  threshold: number,
): Agreement | null {
  const pairs: [number, number][] = [];
  for (const [row, score] of first) {
    const other = second.get(row);
    if (other !== undefined) pairs.push([score, other]);
  }
  if (pairs.length === 0) return null;
  const same = pairs.filter(([x, y]) => x >= threshold === y >= threshold).length;
  return { a, b, share: same / pairs.length, correlation: correlation(pairs) };
}

function correlation(pairs: readonly (readonly [number, number])[]): number | null {
  const mean = (at: 0 | 1): number => pairs.reduce((sum, pair) => sum + pair[at], 0) / pairs.length;
  const [meanX, meanY] = [mean(0), mean(1)];
  let xy = 0;
  let xx = 0;
  let yy = 0;
  for (const [x, y] of pairs) {
    xy += (x - meanX) * (y - meanY);
    xx += (x - meanX) ** 2;
    yy += (y - meanY) ** 2;
  }
  return xx === 0 || yy === 0 ? null : xy / Math.sqrt(xx * yy);
}

/** Scores of rows whose label is known. */
export type Labelled = readonly { readonly score: number; readonly toxic: boolean }[];

/**
 * The ROC curve from (0, 0) to (1, 1) and the area under it; rows with equal scores are one step, so a tie counts half.
 * Null where all labels are the same.
 */
export function rocCurve(
  rows: Labelled,
): { readonly auc: number; readonly points: (readonly [number, number])[] } | null {
  const positives = rows.filter(({ toxic }) => toxic).length;
  const negatives = rows.length - positives;
  if (positives === 0 || negatives === 0) return null;
  const sorted = [...rows].sort((a, b) => b.score - a.score);
  const points: (readonly [number, number])[] = [[0, 0]];
  let truePositives = 0;
  let falsePositives = 0;
  let auc = 0;
  sorted.forEach(({ score, toxic }, at) => {
    if (toxic) truePositives++;
    else falsePositives++;
    if (sorted[at + 1]?.score === score) return;
    const [x, y] = points.at(-1) ?? [0, 0];
    const point = [falsePositives / negatives, truePositives / positives] as const;
    auc += ((point[0] - x) * (point[1] + y)) / 2;
    points.push(point);
  });
  return { auc, points };
}

/** A label as people write it: 1 and 0, true and false, toxic and neutral, or a probability (toxic from 0.5 on). Null for none. */
export function readLabel(value: unknown): boolean | null {
  const text = String(value ?? '')
    .trim()
    .toLowerCase();
  if (['true', 'yes', 'toxic'].includes(text)) return true;
  if (['false', 'no', 'neutral', 'clean', 'non-toxic', 'nontoxic'].includes(text)) return false;
  const number = Number(text);
  return text === '' || !(number >= 0 && number <= 1) ? null : number >= 0.5;
}
