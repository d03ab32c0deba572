/** A sampled row as both scorers see it. */
export interface SampledRow {
  /** Probability of the toxic label by the prefilter. */
  readonly prefilter: number;
  /** Toxic by the scorer that decides. */
  readonly isToxic: boolean;
}

/** What a prefilter may clear, and how sure that is. */
export interface Clearance {
  /** Rows below this (probability by the prefilter) are clean without a look of the scorer; 0 clears nothing. */
  readonly clearBelow: number;
  readonly sampledRows: number;
  /** Rows of the sample that are toxic by the scorer. */
  readonly toxicRows: number;
  /** Rows of the sample that would be cleared, and how many of them are toxic by the scorer. */
  readonly clearedRows: number;
  readonly missedRows: number;
  /** With 95 % confidence, at most this share of all rows is toxic by the scorer and cleared by the prefilter. */
  readonly missBound: number;
}

export const CONFIDENCE = 0.95;

/**
 * The highest threshold below which a prefilter may clear rows, so that with 95 % confidence at most `maxMiss` of all rows
 * (toxic and clean together) are toxic by the scorer and cleared all the same.
 *
 * It is the score of the sample's (k + 1)-th lowest toxic row, k being the most misses that a sample of this size allows.
 * As for any order statistic the bound holds whatever the scores are like (Wilks 1941); it supposes that the sample was
 * drawn at random from the rows of the run.
 *
 * @param maxMiss share of all rows, 0 to 1. A sample of n rows without a miss bounds it at about 3 / n.
 */
export function calibrate(sample: readonly SampledRow[], maxMiss: number): Clearance {
  const toxic = sample.filter((row) => row.isToxic).map((row) => row.prefilter);
  const allowed = mostMisses(sample.length, maxMiss);
  const toxicScores = toxic.sort((a, b) => a - b);
  // With fewer toxic rows than misses allowed, everything that scores as the sample does may go.
  const clearBelow = allowed === null ? 0 : (toxicScores[allowed] ?? 1);
  const isCleared = (row: SampledRow): boolean => row.prefilter < clearBelow;
  const missedRows = sample.filter((row) => row.isToxic && isCleared(row)).length;
  return {
    clearBelow,
    sampledRows: sample.length,
    toxicRows: toxic.length,
    clearedRows: sample.filter(isCleared).length,
    missedRows,
    missBound: allowed === null ? 0 : upperBound(allowed, sample.length),
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
