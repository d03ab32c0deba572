import fc from 'fast-check';
import { expect, test } from 'vitest';
import { sentenceStarts } from '../../../src/detox/sentence-starts.ts';

const segmenter = new Intl.Segmenter('en', { granularity: 'sentence' });

/** What the platform says of the whole text at once. */
function whole(text: string): number[] {
  return [...segmenter.segment(text)].map(({ index }) => index).filter((index) => index > 0);
}

/** One of every class that the rules of UAX 29 know, and pairs that they keep together. */
const PARTS = [
  ...['a', 'B', '1', '你', 'ß', 'ª', 'ǅ', '.', '. ', '…', '!', '?', '。', '；', '‼', ',', ':', '-', '—', ';'],
  ...[' ', '\t', '\u00a0', '\u3000', '\n', '\r', '\r\n', '\u0085', '\u2028', '\u2029', '\u000b', '\u000c'],
  ...['\u0301', '\u0e31', '\u200d', '\ufe0f', '\u{1e000}', '\u{e0100}', '\u00ad', '\u200b', '\u202e', '\ufeff'],
  ...['"', "'", '“', '”', '(', ')', '[', ']', '»', '*', '_', '#', '$', '😀', '👨‍👩‍👧', '🇩🇪', '\ud83d', '\udc00', '\0'],
  ...['U.S.', 'Mr. ', 'e.g. b', '3.5', '.)" ', '. (', '.\u0301 ', '!\u200b', '.\r\n\u0301a', 'A.\u00ad '],
];

test.each([1, 2, 3, 7, 24])('windows of %i units show what the whole text shows', (windowChars) => {
  const text = fc.array(fc.constantFrom(...PARTS), { maxLength: 60 }).map((parts) => parts.join(''));
  fc.assert(
    fc.property(text, (sample) => {
      expect([...sentenceStarts(sample, windowChars)]).toEqual(whole(sample));
    }),
    { numRuns: 1_000 },
  );
});

test('any characters of Unicode', () => {
  fc.assert(
    fc.property(
      fc.string({ unit: 'binary', maxLength: 80 }),
      fc.integer({ min: 1, max: 20 }),
      (sample, windowChars) => {
        expect([...sentenceStarts(sample, windowChars)]).toEqual(whole(sample));
      },
    ),
    { numRuns: 2_000 },
  );
});

test.each(['lol ok\n', 'A. ', 'you idiot\n\n\n\n', 'a'])('a megabyte of %j takes seconds, in Node 20 too', (unit) => {
  const repeats = Math.floor(2 ** 20 / unit.length);
  const starts = [...sentenceStarts(unit.repeat(repeats))];
  expect(starts.length === 0 || starts.length >= repeats - 1).toBe(true);
});
