import { expect, test } from 'vitest';
import { closeGap } from '../../../src/detox/gaps.ts';

const SIDE = { atStart: false, atEnd: false, tightLeft: false, tightRight: false };

test('a gap with half a million spaces in it takes no longer than it is long', () => {
  const spaces = ' '.repeat(500_000);
  expect(closeGap([` 😀${spaces}😀 `, ' '], SIDE)).toBe(` 😀${spaces}😀 `);
});

test('white space of every kind at the ends of a gap is known', () => {
  expect(closeGap(['\t\u00a0', ' '], SIDE)).toBe(' ');
  expect(closeGap(['\u3000\n', ''], SIDE)).toBe('\u3000\n');
});
