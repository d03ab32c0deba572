import { describe, expect, it } from 'vitest';
import { bootstrapMeans, bootstrapPValue, percentileInterval } from '../../../src/report/evaluation/bootstrap.ts';

/** Uniform numbers in [0, 1), seeded (Park and Miller 1988): not the generator under test. */
function uniform(seed: number): () => number {
  let state = seed;
  return () => {
    state = (state * 48_271) % 2_147_483_647;
    return state / 2_147_483_647;
  };
}

/** Sum of twelve uniform numbers less six: nearly normal, mean 0, variance 1. */
function normal(random: () => number): number {
  let sum = -6;
  for (let i = 0; i < 12; i++) sum += random();
  return sum;
}

const column = (values: readonly number[]): Float32Array => Float32Array.from(values);
const FEW = { draws: 400, seed: 5 };

describe('bootstrap', () => {
  it.each([500, 40_000])('has the standard error of the mean of %d rows', (rows) => {
    const random = uniform(11);
    const values = column(Array.from({ length: rows }, () => normal(random)));
    const mean = values.reduce((sum, value) => sum + value, 0) / values.length;
    const variance = values.reduce((sum, value) => sum + (value - mean) ** 2, 0) / values.length;
    const [draws] = bootstrapMeans([values]);
    const center = draws!.reduce((sum, value) => sum + value, 0) / draws!.length;
    const spread = Math.sqrt(draws!.reduce((sum, value) => sum + (value - center) ** 2, 0) / draws!.length);
    expect(center).toBeCloseTo(mean, 2);
    expect(spread / Math.sqrt(variance / values.length)).toBeGreaterThan(0.95);
    expect(spread / Math.sqrt(variance / values.length)).toBeLessThan(1.05);
  });

  it('covers the true mean in about 95 of 100 experiments, of a normal and of a skewed distribution', () => {
    const random = uniform(3);
    const kinds = { normal: () => normal(random), yesOrNo: () => (random() < 0.3 ? 1 : 0) };
    const truth = { normal: 0, yesOrNo: 0.3 };
    for (const kind of ['normal', 'yesOrNo'] as const) {
      let covered = 0;
      for (let experiment = 0; experiment < 400; experiment++) {
        const [draws] = bootstrapMeans([column(Array.from({ length: 100 }, kinds[kind]))], FEW);
        const { low, high } = percentileInterval(draws!);
        if (low <= truth[kind] && truth[kind] <= high) covered++;
      }
      // 400 experiments at .95: standard deviation 4.4. The percentile interval is known to be a little short.
      expect(covered).toBeGreaterThan(362);
      expect(covered).toBeLessThan(395);
    }
  });

  it('draws the same rows for every column, so that a constant difference has no spread', () => {
    const random = uniform(9);
    const a = column(Array.from({ length: 64 }, random));
    const [ofA, ofB] = bootstrapMeans([a, a.map((value) => value + 0.25)]);
    const { low, high } = percentileInterval(ofB!.map((value, draw) => value - ofA![draw]!));
    expect(low).toBeCloseTo(0.25, 6);
    expect(high).toBeCloseTo(0.25, 6);
  });

  it('is repeatable, and another seed draws other samples', () => {
    const values = column(Array.from({ length: 50 }, (_, i) => i));
    expect(bootstrapMeans([values])).toEqual(bootstrapMeans([values]));
    expect(bootstrapMeans([values], { draws: 10, seed: 1 })).not.toEqual(
      bootstrapMeans([values], { draws: 10, seed: 2 }),
    );
  });

  it('calls a difference of nothing significant about as often as it says', () => {
    const random = uniform(21);
    let called = 0;
    for (let experiment = 0; experiment < 400; experiment++) {
      const [draws] = bootstrapMeans([column(Array.from({ length: 80 }, () => normal(random)))], FEW);
      if (bootstrapPValue(draws!) < 0.1) called++;
    }
    expect(called).toBeGreaterThan(20);
    expect(called).toBeLessThan(62);
  });

  it('never says a p-value of 0, and 1 where nothing differs', () => {
    expect(bootstrapPValue(new Float64Array(1999).fill(0.5))).toBe(0.001);
    expect(bootstrapPValue(new Float64Array(1999).fill(-0.5))).toBe(0.001);
    expect(bootstrapPValue(new Float64Array(1999))).toBe(1);
  });

  it('interpolates quantiles as numpy does', () => {
    // numpy.quantile([1, 2, 4, 8], [.025, .975])
    const { low, high } = percentileInterval(Float64Array.of(8, 1, 4, 2));
    expect(low).toBeCloseTo(1.075, 12);
    expect(high).toBeCloseTo(7.7, 12);
  });
});
