import { expect, test } from 'vitest';
import { createChunksInWork } from '../../../src/worker/worker.ts';

test('chunks that are settled at once are taken in greater number, up to a limit, and fewer again when they take longer', () => {
  const chunks = createChunksInWork({ fewest: 4, most: 6 });
  const settle = (ms: number) => chunks.afterSettled(ms, 3);
  expect([10, 20, 30, 40].map(settle)).toEqual([5, 6, 6, 6]);
  expect([3_000, 900, 900].map(settle)).toEqual([5, 4, 4]);
});

test('chunks that fill the engines are taken at once, however many they are', () => {
  const chunks = createChunksInWork({ fewest: 4, most: 6 });
  expect(chunks.afterSettled(9_000, 14)).toBe(14);
  expect(chunks.afterSettled(9_000, 5)).toBe(6);
  expect(chunks.afterSettled(9_000, 5)).toBe(5);
});
