import { createHash } from 'node:crypto';
import type { Sampling } from '../checkpoint/config/generation.ts';
import type { Candidate } from './hypothesis.ts';

/** Candidates that may be drawn, best first, with probabilities that sum to 1. */
interface Distribution {
  readonly candidates: readonly Candidate[];
  readonly probabilities: readonly number[];
}

/**
 * Applies `temperature`, `top_k` and `top_p`, in this order as in transformers. At the edge of `top_k`, the smaller of equal
 * tokens stays. `top_p` keeps at least one token.
 *
 * @param candidates best first; at least `topK` of them, if there are so many
 */
export function distribution(
  candidates: readonly Candidate[],
  { temperature, topK, topP }: Pick<Sampling, 'temperature' | 'topK' | 'topP'>,
): Distribution {
  const best = topK > 0 ? candidates.slice(0, topK) : candidates;
  const highest = best[0]?.score ?? 0;
  const weights = best.map(({ score }) => Math.exp((score - highest) / temperature));
  const total = weights.reduce((sum, weight) => sum + weight, 0);
  let count = best.length;
  if (topP < 1) {
    // A token is removed if it and all worse tokens have at most 1 - top_p together.
    let tail = 0;
    while (count > 1) {
      tail += weights[count - 1] ?? 0;
      if (tail / total > 1 - topP) break;
      count -= 1;
    }
  }
  const left = weights.slice(0, count).reduce((sum, weight) => sum + weight, 0);
  return { candidates: best.slice(0, count), probabilities: weights.slice(0, count).map((weight) => weight / left) };
}

/** Returns the candidate at a place of the cumulated distribution. @param place from 0 to below 1 */
export function draw({ candidates, probabilities }: Distribution, place: number): Candidate | undefined {
  let sum = 0;
  for (const [i, candidate] of candidates.entries()) {
    sum += probabilities[i] ?? 0;
    if (place < sum) return candidate;
  }
  return candidates.at(-1);
}

const MASK = (1n << 64n) - 1n;
/** Constants of SplitMix64 (Steele, Lea, Flood: Fast splittable pseudorandom number generators, 2014). */
const STEP = 0x9e3779b97f4a7c15n;
const FIRST = 0xbf58476d1ce4e5b9n;
const SECOND = 0x94d049bb133111ebn;

/** Numbers from 0 to below 1, by place. The same place always has the same number. */
type RandomSequence = (place: number) => number;

/**
 * The random numbers of one sample of one row. They depend only on the seed, the row's tokens and the number of the sample,
 * but not on the batch, the order of rows, or earlier draws. Equal rows get equal samples.
 *
 * The state of SplitMix64 starts with the first eight bytes of SHA-256 over `[seed, sample, tokens]` as JSON. A number is the
 * upper 53 bits of an output.
 */
export function randomSequence(seed: number, tokens: readonly number[], sample: number): RandomSequence {
  const key = createHash('sha256')
    .update(JSON.stringify([seed, sample, tokens]))
    .digest()
    .readBigUInt64BE();
  return (place) => {
    let bits = (key + STEP * BigInt(place + 1)) & MASK;
    bits = ((bits ^ (bits >> 30n)) * FIRST) & MASK;
    bits = ((bits ^ (bits >> 27n)) * SECOND) & MASK;
    bits ^= bits >> 31n;
    return Number(bits >> 11n) / 2 ** 53;
  };
}
