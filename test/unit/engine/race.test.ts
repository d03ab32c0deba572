import { describe, expect, test } from 'vitest';
import { race } from '../../../src/engine/tune/race.ts';

/** Rates by candidate; each measurement takes the next of the list, and the last for good. */
function track(rates: Readonly<Record<number, readonly number[]>>) {
  const calls: number[] = [];
  return {
    calls,
    measure: async (candidate: number) => {
      const list = rates[candidate]!;
      const before = calls.filter((call) => call === candidate).length;
      calls.push(candidate);
      return list[Math.min(before, list.length - 1)]!;
    },
  };
}

describe('a race of sizes', () => {
  test('is won by what is faster, with the rates of both', async () => {
    const { measure } = track({ 64: [100], 128: [120], 256: [112] });
    const result = await race({ candidates: [64, 128, 256], standard: 64, measure, budgetMs: 1000 });
    expect(result).toMatchObject({ chosen: 128, standardRate: 100, chosenRate: 120 });
    expect(result.tried).toEqual([
      { candidate: 128, ratio: 1.2 },
      { candidate: 256, ratio: 1.12 },
    ]);
  });

  test('keeps the default where nothing is 3 % faster', async () => {
    const { measure } = track({ 64: [100], 128: [102.9], 256: [95] });
    const result = await race({ candidates: [64, 128, 256], standard: 64, measure, budgetMs: 1000 });
    expect(result).toMatchObject({ chosen: 64, standardRate: 100, chosenRate: 100 });
  });

  test('keeps the default where a winner does not win again', async () => {
    const lucky = [120, 120, 120, 120, 120, 120, 120, 100];
    const { measure } = track({ 64: [100], 128: lucky });
    const result = await race({ candidates: [64, 128], standard: 64, measure, budgetMs: 1000 });
    expect(result.chosen).toBe(64);
  });

  test('is not decided by one round in which something else was at work', async () => {
    const { measure } = track({ 64: [100], 128: [150, 101, 101, 101], 256: [20, 110] });
    const result = await race({ candidates: [64, 128, 256], standard: 64, measure, budgetMs: 1000 });
    expect(result.chosen).toBe(64);
    const slow = track({ 64: [100], 128: [110, 20, 110] });
    const other = await race({ candidates: [64, 128], standard: 64, measure: slow.measure, budgetMs: 1000 });
    expect(other.tried).toEqual([{ candidate: 128, ratio: expect.closeTo(0.65) }]);
  });

  test('compares with the default of the same round: a machine that slows down is no reason', async () => {
    let speed = 1;
    const measure = async (candidate: number) => {
      speed *= 0.9;
      return speed * (candidate === 128 ? 110 : 100);
    };
    const result = await race({ candidates: [64, 128], standard: 64, measure, budgetMs: 1000 });
    expect(result).toMatchObject({ chosen: 128, tried: [{ candidate: 128, ratio: expect.closeTo(1.1) }] });
  });

  test('tries the hopeless twice, and nothing much longer than the budget', async () => {
    const { calls, measure } = track({ 64: [100], 128: [50], 256: [100] });
    await race({ candidates: [64, 128, 256], standard: 64, measure, budgetMs: 1000 });
    expect(calls.filter((call) => call === 128)).toHaveLength(2);
    expect(calls.filter((call) => call === 256)).toHaveLength(7);
    const hurried = track({ 64: [100], 128: [100] });
    await race({ candidates: [64, 128], standard: 64, measure: hurried.measure, budgetMs: -1 });
    expect(hurried.calls).toEqual([64, 64, 128, 64, 64, 128, 64]);
  });
});
