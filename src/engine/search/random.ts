import { createHash } from 'node:crypto';

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
