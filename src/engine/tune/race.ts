/** Least advantage over the default. Smaller differences are noise and do not justify another size. */
const WORTH = 1.03;
/** After the first two rounds, candidates that are slower than the default by this much are dropped. */
const HOPELESS = 0.9;
const LEAST_ROUNDS = 2;
const MOST_ROUNDS = 7;
const CONFIRMING_ROUNDS = 3;

interface RaceOptions<T> {
  readonly candidates: readonly T[];
  /** Wins unless another candidate is clearly faster. It is one of the candidates, or an additional one. */
  readonly standard: T;
  /** Does the work with a candidate and returns its rate; higher is better. */
  measure(candidate: T): Promise<number>;
  /** No round starts after this time. */
  readonly budgetMs: number;
}

interface RaceResult<T> {
  readonly chosen: T;
  readonly standardRate: number;
  readonly chosenRate: number;
  /** Rate of the other candidates relative to the default: the median over their rounds. */
  readonly tried: readonly { readonly candidate: T; readonly ratio: number }[];
}

/**
 * Finds the fastest candidate on a machine that may do other work at the same time. Candidates take turns, and each is
 * compared with the default before and after the others of its round. The median counts. The winner must win again, against
 * the default alone, because of many candidates one is always lucky.
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

  // The first time allocates memory and compiles code.
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
