import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { calibrate, type SampledRow, smallestSample, upperBound } from '../../src/detox/calibration.ts';

/** A small generator of its own, so that the frequencies below are the same each time. */
function random(seed: number): () => number {
  let state = seed;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let t = Math.imul(state ^ (state >>> 15), 1 | state);
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t;
    return ((t ^ (t >>> 14)) >>> 0) / 2 ** 32;
  };
}

describe('calibration of a prefilter', () => {
  it('bounds a proportion as Clopper and Pearson do', () => {
    // beta.ppf(.95, count + 1, trials - count) of scipy.
    expect(upperBound(0, 3000)).toBeCloseTo(0.0009980790119965865, 12);
    expect(upperBound(3, 4000)).toBeCloseTo(0.001937262583140124, 12);
    expect(upperBound(10, 20)).toBeCloseTo(0.6980460887135065, 12);
    expect(upperBound(20, 20)).toBe(1);
  });

  it('asks for the smallest sample that can show the share', () => {
    for (const [misses, maxMiss] of [
      [0, 0.001],
      [1, 0.001],
      [1, 0.05],
      [3, 0.9],
    ] as const) {
      const rows = smallestSample(misses, maxMiss);
      expect(upperBound(misses, rows)).toBeLessThanOrEqual(maxMiss);
      expect(upperBound(misses, rows - 1)).toBeGreaterThan(maxMiss);
    }
    expect(smallestSample(0, 0.001)).toBe(2995);
  });

  it('clears below the lowest toxic row where no miss is allowed, and further up where some are', () => {
    const rows: SampledRow[] = Array.from({ length: 4000 }, (_, i) => ({ prefilter: i / 4000, isToxic: i % 10 === 9 }));
    expect(calibrate(rows, 0.001)).toMatchObject({
      clearBelow: 9 / 4000,
      clearedRows: 9,
      missedRows: 0,
      toxicRows: 400,
    });
    const loose = calibrate(rows, 0.01);
    expect(loose.missedRows).toBeGreaterThan(20);
    expect(loose.missBound).toBeLessThanOrEqual(0.01);
  });

  it('clears nothing where the sample is too small for what is asked', () => {
    const rows = Array.from({ length: 2000 }, () => ({ prefilter: 0, isToxic: false }));
    expect(calibrate(rows, 0.001)).toMatchObject({ clearBelow: 0, clearedRows: 0, missBound: 0 });
    expect(calibrate([], 0.5)).toMatchObject({ clearBelow: 0, clearedRows: 0 });
  });

  it('never clears a share of missed rows above what the bound says of the sample, ties included', () => {
    const row = fc.record({ prefilter: fc.constantFrom(0, 0.1, 0.2, 0.5, 0.9, 1), isToxic: fc.boolean() });
    fc.assert(
      fc.property(fc.array(row, { maxLength: 200 }), fc.double({ min: 0, max: 1, noNaN: true }), (rows, maxMiss) => {
        const { missedRows, missBound, sampledRows } = calibrate(rows, maxMiss);
        expect(missBound).toBeLessThanOrEqual(maxMiss);
        if (missedRows > 0) expect(upperBound(missedRows, sampledRows)).toBeLessThanOrEqual(maxMiss);
      }),
    );
  });

  it('keeps its promise on rows that it has not seen, in 95 of 100 samples', () => {
    // Prefilter scores of toxic rows are uniform, a tenth of the rows is toxic: t misses a share of t / 10.
    const next = random(7);
    const draw = (): SampledRow => ({ prefilter: next(), isToxic: next() < 0.1 });
    let kept = 0;
    for (let sample = 0; sample < 400; sample++) {
      const { clearBelow } = calibrate(Array.from({ length: 1000 }, draw), 0.01);
      if (clearBelow / 10 <= 0.01) kept++;
    }
    expect(kept / 400).toBeGreaterThan(0.93);
  });
});
