/** A candidate has to be faster than the default by so much: less is noise, and not worth another size. */
const WORTH = 1.03;
/** After the first two rounds, what is slower than the default by so much is tried no more. */
const HOPELESS = 0.9;
const LEAST_ROUNDS = 2;
const MOST_ROUNDS = 7;
const CONFIRMING_ROUNDS = 3;

export interface RaceOptions<T> {
  readonly candidates: readonly T[];
  /** What wins unless another is faster beyond doubt. One of the candidates, or one more. */
  readonly standard: T;
  /** Does the work with a candidate and gives its rate: more is better. */
  measure(candidate: T): Promise<number>;
  /** No round is started after so much time. */
  readonly budgetMs: number;
}

export interface RaceResult<T> {
  readonly chosen: T;
  readonly standardRate: number;
  readonly chosenRate: number;
  /** The other candidates, with their rate to that of the default, median over the rounds that they took part in. */
  readonly tried: readonly { readonly candidate: T; readonly ratio: number }[];
}

/**
 * Finds the fastest of some candidates on a machine that may do other things at the same time: they take turns, each is
 * compared with the default before and after the others of its round, the median counts, and the winner has to win again, against the default alone:
 * of many candidates one is always lucky.
 */
export async function race<T>({ candidates, standard, measure, budgetMs }: RaceOptions<T>): Promise<RaceResult<T>> {
  const startMs = performance.now();
  const standardRates: number[] = [];
  const all = candidates
    .filter((candidate) => candidate !== standard)
    .map((candidate) => ({ candidate, ratios: [] as number[] }));
  type Runner = (typeof all)[number];
  let runners = all;

  async function round(taking: readonly Runner[]): Promise<void> {
    const before = await measure(standard);
    const rates: number[] = [];
    for (const { candidate } of taking) rates.push(await measure(candidate));
    const after = await measure(standard);
    standardRates.push(before, after);
    taking.forEach(({ ratios }, i) => {
      ratios.push((rates[i] ?? Number.NaN) / Math.sqrt(before * after));
    });
  }

  // Memory is taken and code compiled the first time.
  await measure(standard);
  for (let rounds = 1; runners.length > 0 && rounds <= MOST_ROUNDS; rounds++) {
    if (rounds > LEAST_ROUNDS && performance.now() - startMs > budgetMs) break;
    await round(rounds % 2 === 0 ? runners.toReversed() : runners);
    if (rounds >= LEAST_ROUNDS) runners = runners.filter(({ ratios }) => median(ratios) > HOPELESS);
  }
  const tried = all.map(({ candidate, ratios }) => ({ candidate, ratio: median(ratios) }));
  const [best] = runners.toSorted((a, b) => median(b.ratios) - median(a.ratios));
  if (best !== undefined && median(best.ratios) >= WORTH) {
    best.ratios.length = 0;
    for (let i = 0; i < CONFIRMING_ROUNDS; i++) await round([best]);
    if (median(best.ratios) >= WORTH) {
      const standardRate = median(standardRates);
      return { chosen: best.candidate, standardRate, chosenRate: standardRate * median(best.ratios), tried };
    }
  }
  const standardRate = median(standardRates);
  return { chosen: standard, standardRate, chosenRate: standardRate, tried };
}

function median(values: readonly number[]): number {
  const sorted = values.toSorted((a, b) => a - b);
  const middle = sorted.length >> 1;
  const upper = sorted[middle] ?? Number.NaN;
  return sorted.length % 2 === 1 ? upper : ((sorted[middle - 1] ?? upper) + upper) / 2;
}
