import fc from 'fast-check';
import { expect, test } from 'vitest';
import { graphemesOf } from '../../../src/contract/graphemes.ts';

const segmenter = new Intl.Segmenter('en', { granularity: 'grapheme' });
const PARTS = [
  'a',
  '\r',
  '\n',
  '\u0301',
  '\u200d',
  '😀',
  '👩',
  '🏽',
  '🇩',
  '\u0600',
  'ᄀ',
  'ᅡ',
  'ᆨ',
  '각',
  'क',
  '्',
  'ि',
  '\ud83d',
  '\ufe0f',
];

test('graphemes are those of the whole text, wherever windows end', () => {
  const part = fc.array(fc.constantFrom(...PARTS), { minLength: 1, maxLength: 12 }).map((list) => list.join(''));
  fc.assert(
    fc.property(fc.array(fc.tuple(part, fc.integer({ min: 1, max: 400 })), { maxLength: 6 }), (runs) => {
      const text = runs.map(([unit, count]) => unit.repeat(count)).join('');
      expect([...graphemesOf(text)]).toEqual([...segmenter.segment(text)].map(({ segment }) => segment));
    }),
    // A lone surrogate before the pair in which a window would end.
    { numRuns: 200, examples: [[[[`🇩aaa\ud83d🏽aaaaa`, 158]]]] },
  );
});
