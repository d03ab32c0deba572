/** What a prefilter may clear, and how sure that is. */
export interface Clearance {
  /** Rows below this (probability by the prefilter) are clean without a look of the scorer; 0 clears nothing. */
  readonly clearBelow: number;
  readonly sampledRows: number;
  /** Rows of the sample that would be cleared, and how many of them are toxic by the scorer. */
  readonly clearedRows: number;
  readonly missedRows: number;
  /** With 95 % confidence, at most this share of all rows is toxic by the scorer and cleared by the prefilter. */
  readonly missBound: number;
}

export const CONFIDENCE = 0.95;

/** Rows that the scorer is asked about at a time: full batches for a few engine processes. */
const ROWS_AT_A_TIME = 512;

/**
 * The highest threshold below which a prefilter may clear rows, so that with 95 % confidence at most `maxMiss` of all rows
 * (toxic and clean together) are toxic by the scorer and cleared all the same.
 *
 * It is the score of the sample's (k + 1)-th lowest toxic row, k being the most misses that a sample of this size allows.
 * As for any order statistic the bound holds whatever the scores are like (Wilks 1941); it supposes that the sample was
 * drawn at random from the rows of the run. The scorer is asked in the order of the prefilter's scores and no further than
 * to that row: what lies above is never cleared, and is scored in the run itself.
 *
 * @param scores of the sampled rows by the prefilter (probability of the toxic label)
 * @param areToxic by the scorer that decides, for places in `scores`
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
  // With fewer toxic rows than misses allowed, everything that scores as the sample does may go.
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

/** The fewest rows of which `misses` still bound the share of misses at `maxMiss`, 0 < maxMiss <= 1. */
export function smallestSample(misses: number, maxMiss: number): number {
  let rows = misses + 1;
  let step = 1;
  while (upperBound(misses, rows) > maxMiss) rows += step *= 2;
  // Found between the last two steps by halving.
  for (; step >= 1; step /= 2) if (upperBound(misses, rows - step) <= maxMiss) rows -= step;
  return rows;
}

/** The most misses among `rows` that still bound their share at `maxMiss`; null when not even none does. */
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
