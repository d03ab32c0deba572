/** The rows that a prefilter may clear, with the confidence. */
interface Clearance {
  /** Rows below this (probability by the prefilter) are clean without the scorer; 0 clears nothing. */
  readonly clearBelow: number;
  readonly sampledRows: number;
  /** Number of rows of the sample that would be cleared, and how many of them the scorer calls toxic. */
  readonly clearedRows: number;
  readonly missedRows: number;
  /** With 95 % confidence, at most this share of all rows is toxic by the scorer and yet cleared by the prefilter. */
  readonly missBound: number;
}

const CONFIDENCE = 0.95;

/** Rows per call of the scorer: full batches for a few engine processes. */
const ROWS_AT_A_TIME = 512;

/**
 * Finds the highest threshold below which a prefilter may clear rows. With 95 % confidence, at most `maxMiss` of all rows
 * (toxic and clean together) are then toxic by the scorer and yet cleared.
 *
 * The threshold is the score of the sample's (k + 1)-th lowest toxic row. k is the largest number of misses that a sample of
 * this size allows. As for any order statistic, the bound holds for every distribution of scores (Wilks 1941). It assumes
 * that the sample was drawn at random from the rows of the run. The scorer sees rows in the order of the prefilter's scores,
 * up to that row. Rows above it are never cleared; the run itself scores them.
 *
 * @param scores of the sampled rows by the prefilter (probability of the toxic label)
 * @param areToxic verdicts of the scorer that decides, for places in `scores`
 * @param maxMiss share of all rows, 0 to 1. A sample of n rows without a miss bounds it at about 3 / n.
 */
export async function calibrate(
  scores: readonly number[],
  areToxic: (places: readonly number[]) => Promise<readonly boolean[]>,
  maxMiss: number,
): Promise<Clearance> {
  const allowed = mostMisses(scores.length, maxMiss);
  const rising = scores.map((score, place) => ({ score, place })).sort((a, b) => a.score - b.score);
  const toxicScores: number[] = [];
  // With fewer toxic rows than allowed misses, every row with scores like the sample's may be cleared.
  for (let at = 0; allowed !== null && at < rising.length && toxicScores.length <= allowed; at += ROWS_AT_A_TIME) {
    const asked = rising.slice(at, at + ROWS_AT_A_TIME);
    const toxic = await areToxic(asked.map(({ place }) => place));
    toxicScores.push(...asked.filter((_, i) => toxic[i]).map(({ score }) => score));
  }
  const clearBelow = allowed === null ? 0 : (toxicScores[allowed] ?? 1);
  return {
    clearBelow,
    sampledRows: scores.length,
    clearedRows: scores.filter((score) => score < clearBelow).length,
    missedRows: toxicScores.filter((score) => score < clearBelow).length,
    missBound: allowed === null ? 0 : upperBound(allowed, scores.length),
  };
}

/** Least number of rows for which `misses` still bound the share of misses at `maxMiss`, 0 < maxMiss <= 1. */
export function smallestSample(misses: number, maxMiss: number): number {
  let rows = misses + 1;
  let step = 1;
  while (upperBound(misses, rows) > maxMiss) rows += step *= 2;
  // The last two steps are narrowed down by bisection.
  for (; step >= 1; step /= 2) if (upperBound(misses, rows - step) <= maxMiss) rows -= step;
  return rows;
}

/** Largest number of misses among `rows` that still bounds their share at `maxMiss`; null if even zero misses do not. */
function mostMisses(rows: number, maxMiss: number): number | null {
  let allowed: number | null = null;
  for (let misses = 0; misses <= rows && upperBound(misses, rows) <= maxMiss; misses++) allowed = misses;
  return allowed;
}

/** Upper end of the one-sided 95 % interval of a proportion (Clopper and Pearson 1934). */
export function upperBound(count: number, trials: number): number {
  if (count >= trials) return 1;
  let low = count / trials;
  let high = 1;
  for (let step = 0; step < 60; step++) {
    const middle = (low + high) / 2;
    if (binomialCdf(count, trials, middle) > 1 - CONFIDENCE) low = middle;
    else high = middle;
  }
  return high;
}

/** P(X ≤ count) for X binomial; summed from logarithms, since (1 - p)^n may be too small for a double. */
function binomialCdf(count: number, trials: number, p: number): number {
  let logTerm = trials * Math.log1p(-p);
  let sum = 0;
  for (let k = 0; k <= count; k++) {
    sum += Math.exp(logTerm);
    logTerm += Math.log((trials - k) / (k + 1)) + Math.log(p) - Math.log1p(-p);
  }
  return Math.min(1, sum);
}
