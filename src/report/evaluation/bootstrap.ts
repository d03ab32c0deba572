/** A range that holds the true value in 95 of 100 such experiments. */
export interface Interval {
  readonly low: number;
  readonly high: number;
}

/**
 * Most rows per draw. Of more rows a draw takes this many, and the spread of its mean is scaled by the square root of the
 * share (Bickel, Götze and van Zwet 1997): 2,000 draws of a million rows would take minutes for the same interval.
 */
const MOST_ROWS = 10_000;

export const BOOTSTRAP = { draws: 2000, seed: 20220522, confidence: 0.95 } as const;

/**
 * Means of columns over bootstrap samples: rows drawn with replacement, as many as there are, the same rows for every
 * column, so that differences of columns are paired. Seeded: the same columns give the same means.
 *
 * @param columns of equal length, at least 1
 * @returns for each column, one mean a draw
 */
export function bootstrapMeans(
  columns: readonly Float32Array[],
  { draws, seed }: { readonly draws: number; readonly seed: number } = BOOTSTRAP,
): Float64Array[] {
  const width = columns.length;
  const rows = columns[0]?.length ?? 0;
  // A row's values side by side: a drawn row is one visit to memory.
  const values = new Float32Array(rows * width);
  columns.forEach((column, c) => {
    for (let row = 0; row < rows; row++) values[row * width + c] = column[row] ?? Number.NaN;
  });
  const taken = Math.min(rows, MOST_ROWS);
  const shrink = Math.sqrt(taken / rows);
  const centers = columns.map((column) => column.reduce((sum, value) => sum + value, 0) / rows);
  const means = columns.map(() => new Float64Array(draws));
  const sums = new Float64Array(width);
  const random = createRandom(seed);
  for (let draw = 0; draw < draws; draw++) {
    sums.fill(0);
    for (let i = 0; i < taken; i++) {
      const at = Math.floor(random() * rows) * width;
      for (let c = 0; c < width; c++) sums[c] = (sums[c] ?? 0) + (values[at + c] ?? 0);
    }
    means.forEach((of, c) => {
      const mean = (sums[c] ?? 0) / taken;
      const center = centers[c] ?? 0;
      of[draw] = taken === rows ? mean : center + (mean - center) * shrink;
    });
  }
  return means;
}

/** The percentile interval: the middle `confidence` of the draws (Efron and Tibshirani 1993, chapter 13). */
export function percentileInterval(draws: Float64Array, confidence: number = BOOTSTRAP.confidence): Interval {
  const sorted = draws.toSorted();
  const tail = (1 - confidence) / 2;
  return { low: quantile(sorted, tail), high: quantile(sorted, 1 - tail) };
}

/**
 * Two-sided p-value that a difference is zero: twice the share of draws on the rarer side of zero, the observed one
 * counted in, so that it is never 0 (Davison and Hinkley 1997, 4.2.3); below .05 about where the interval leaves zero out.
 */
export function bootstrapPValue(differences: Float64Array): number {
  let below = 0;
  let above = 0;
  for (const difference of differences) {
    if (difference <= 0) below++;
    if (difference >= 0) above++;
  }
  return Math.min(1, (2 * (1 + Math.min(below, above))) / (1 + differences.length));
}

/** Linear between the order statistics, as numpy and R (type 7) have it. */
function quantile(sorted: Float64Array, share: number): number {
  const place = share * (sorted.length - 1);
  const before = sorted[Math.floor(place)] ?? Number.NaN;
  const after = sorted[Math.ceil(place)] ?? Number.NaN;
  return before + (after - before) * (place - Math.floor(place));
}

/** Uniform numbers in [0, 1): the small fast counting generator of PractRand with 32-bit words, period at least 2^32. */
function createRandom(seed: number): () => number {
  let a = seed | 0;
  let b = Math.imul(seed, 0x9e3779b9);
  let c = 0;
  let counter = 1;
  const next = (): number => {
    const result = (((a + b) | 0) + counter) | 0;
    counter = (counter + 1) | 0;
    a = b ^ (b >>> 9);
    b = (c + (c << 3)) | 0;
    c = (((c << 21) | (c >>> 11)) + result) | 0;
    return (result >>> 0) / 2 ** 32;
  };
  for (let i = 0; i < 15; i++) next();
  return next;
}
