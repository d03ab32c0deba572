import fc from 'fast-check';
import { expect, test } from 'vitest';
import { cutIntoWindows } from '../../../src/detox/windows.ts';
import { createFakeDetoxifier, createFakeScorer } from '../../support/fake-models.ts';
import { processOne, rewriting } from '../../support/fake-policy.ts';

test('a text is cut where a word begins', () => {
  expect(cutIntoWindows('have_a_nice_day_'.repeat(3), 24)).toEqual([
    'have_a_nice_day_',
    'have_a_nice_day_',
    'have_a_nice_day_',
  ]);
  expect(cutIntoWindows('short', 24)).toEqual(['short']);
  expect(cutIntoWindows('', 24)).toEqual([]);
});

test('without words the windows overlap, and no character is taken apart', () => {
  const chinese = '你好世界'.repeat(4);
  const windows = cutIntoWindows(chinese, 4 + 3 * 8);
  expect(windows[0]).toBe('你好世界你好世界');
  expect(windows[1]?.startsWith('世界')).toBe(true);
  for (const piece of cutIntoWindows('e\u0301👩‍👩‍👧'.repeat(20), 4 + 40)) expect(piece).toMatch(/^(e\u0301|👩‍👩‍👧)+$/u);
});

test('every character is read, in pieces of at most as many bytes as the model reads tokens', () => {
  const text = fc.string({ unit: 'binary', maxLength: 60 }).map((part) => part.repeat(3));
  fc.assert(
    fc.property(text, fc.integer({ min: 8, max: 40 }), (sample, maxInputTokens) => {
      const windows = cutIntoWindows(sample, maxInputTokens);
      let end = 0;
      for (const piece of windows) {
        expect(piece).not.toMatch(/\p{Cs}/u);
        expect(Buffer.byteLength(piece)).toBeLessThanOrEqual(maxInputTokens - 4);
        const start = sample.lastIndexOf(piece, end);
        expect(start).toBeGreaterThanOrEqual(0);
        end = start + piece.length;
      }
      expect(end).toBe(sample.length);
    }),
    { numRuns: 200 },
  );
});

/** Finds its words anywhere, as a tokenizer of parts of words does, and reads no more than its window. */
const reading = (maxInputTokens: number) => {
  const fake = createFakeScorer({ toxicWords: [], maxInputTokens });
  const countTokens = (text: string): number => text.length + 2;
  const score = async (texts: readonly string[]) =>
    texts.map((text) => {
      const toxicity = text.slice(0, maxInputTokens - 2).includes('idiot') ? 0.9 : 0.1;
      return { toxicity, logits: [1 - toxicity, toxicity], inputTokens: Math.min(countTokens(text), maxInputTokens) };
    });
  return { ...fake, countTokens, score };
};

test.each([
  ['one word with underscores', `${'have_a_nice_day_'.repeat(40)}idiot`],
  ['a word without any border', `${'x'.repeat(5_000)}idiot${'x'.repeat(5_000)}`],
  ['Chinese without a stop', `${'你好'.repeat(10_000)}idiot${'你好'.repeat(10_000)}`],
])('the whole of %s counts, and it is not rewritten in part', async (_, text) => {
  const scorer = reading(64);
  const detoxifier = rewriting({});
  const result = await processOne(text, { scorer, detoxifier: { ...detoxifier, countTokens: scorer.countTokens } });
  expect(result).toMatchObject({
    outcome: 'rejected',
    detoxified: null,
    toxicityBefore: 0.9,
    meta: { detoxq: { guard: ['window'] } },
  });
  expect(detoxifier.calls.flat()).toEqual([]);
});

test('a toxic sentence beside a toxic word that is too long is rewritten all the same', async () => {
  const scorer = reading(64);
  const detoxifier = {
    ...createFakeDetoxifier({ dictionary: { idiot: 'person' }, maxInputTokens: 64 }),
    countTokens: scorer.countTokens,
  };
  const long = `${'have_a_nice_day_'.repeat(40)}idiot`;
  expect(await processOne(`You idiot. ${long}`, { scorer, detoxifier })).toMatchObject({
    outcome: 'still_toxic',
    detoxified: `You person. ${long}`,
    meta: { detoxq: { guard: ['window'] } },
  });
});
