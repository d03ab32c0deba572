import { expect } from 'vitest';

/** As many numbers, each no further from the expected one than so much. */
export function expectNear(actual: Iterable<number>, expected: readonly number[], tolerance = 1e-4): void {
  const values = [...actual];
  expect(values).toHaveLength(expected.length);
  values.forEach((value, i) => {
    expect(Math.abs(value - expected[i]!)).toBeLessThan(tolerance);
  });
}
