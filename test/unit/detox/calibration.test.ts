import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { calibrate, smallestSample, upperBound } from '../../../src/detox/calibration.ts';

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

interface SampledRow {
  readonly prefilter: number;
  readonly isToxic: boolean;
}

const calibrateOn = (rows: readonly SampledRow[], maxMiss: number, areAsked: (count: number) => void = () => {}) =>
  calibrate(
    rows.map(({ prefilter }) => prefilter),
    async (places) => {
      areAsked(places.length);
      return places.map((place) => rows[place]!.isToxic);
    },
    maxMiss,
  );

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

  it('clears below the lowest toxic row where no miss is allowed, and further up where some are', async () => {
    const rows: SampledRow[] = Array.from({ length: 4000 }, (_, i) => ({ prefilter: i / 4000, isToxic: i % 10 === 9 }));
    expect(await calibrateOn(rows, 0.001)).toMatchObject({ clearBelow: 9 / 4000, clearedRows: 9, missedRows: 0 });
    const loose = await calibrateOn(rows, 0.01);
    expect(loose.missedRows).toBeGreaterThan(20);
    expect(loose.missBound).toBeLessThanOrEqual(0.01);
  });

  it('asks the scorer no further than to the row that sets the threshold', async () => {
    const rows = Array.from({ length: 4000 }, (_, i) => ({ prefilter: 1 - i / 4000, isToxic: i < 3000 }));
    let asked = 0;
    const { clearedRows } = await calibrateOn(rows, 0.001, (count) => {
      asked += count;
    });
    expect(clearedRows).toBe(1000);
    expect(asked).toBe(1024);
  });

  it('clears nothing, and asks nothing, where the sample is too small for what is asked', async () => {
    const rows = Array.from({ length: 2000 }, () => ({ prefilter: 0, isToxic: false }));
    const refuse = () => {
      throw new Error('asked');
    };
    expect(await calibrateOn(rows, 0.001, refuse)).toMatchObject({ clearBelow: 0, clearedRows: 0, missBound: 0 });
    expect(await calibrateOn([], 0.5)).toMatchObject({ clearBelow: 0, clearedRows: 0 });
  });

  it('never clears a share of missed rows above what the bound says of the sample, ties included', async () => {
    const row = fc.record({ prefilter: fc.constantFrom(0, 0.1, 0.2, 0.5, 0.9, 1), isToxic: fc.boolean() });
    const share = fc.double({ min: 0, max: 1, noNaN: true });
    await fc.assert(
      fc.asyncProperty(fc.array(row, { maxLength: 200 }), share, async (rows, maxMiss) => {
        const { clearBelow, missedRows, missBound, sampledRows } = await calibrateOn(rows, maxMiss);
        expect(missBound).toBeLessThanOrEqual(maxMiss);
        expect(missedRows).toBe(rows.filter(({ prefilter, isToxic }) => isToxic && prefilter < clearBelow).length);
        if (missedRows > 0) expect(upperBound(missedRows, sampledRows)).toBeLessThanOrEqual(maxMiss);
      }),
    );
  });

  it('keeps its promise on rows that it has not seen, in 95 of 100 samples', async () => {
    // Prefilter scores of toxic rows are uniform, a tenth of the rows is toxic: t misses a share of t / 10.
    const next = random(7);
    const draw = (): SampledRow => ({ prefilter: next(), isToxic: next() < 0.1 });
    let kept = 0;
    for (let sample = 0; sample < 400; sample++) {
      const { clearBelow } = await calibrateOn(Array.from({ length: 1000 }, draw), 0.01);
      if (clearBelow / 10 <= 0.01) kept++;
    }
    expect(kept / 400).toBeGreaterThan(0.93);
  });
});
