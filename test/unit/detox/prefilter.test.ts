import { describe, expect, it } from 'vitest';
import { createPolicy } from '../../../src/detox/policy.ts';
import { createFakeScorer } from '../../support/fake-models.ts';
import { detoxifier, rowsOf, TOXIC_WORDS } from '../../support/fake-policy.ts';

const texts = ['A fine day.', 'You are an idiot.', 'So so.', '', `Fine. ${'long '.repeat(40)}`];

async function withPrefilter(clearBelow: number, maxInputTokens?: number) {
  const scorer = createFakeScorer({ toxicWords: TOXIC_WORDS });
  const prefilter = createFakeScorer({
    toxicWords: TOXIC_WORDS,
    exceptions: { 'a fine day .': 0.01, 'so so .': 0.3 },
    ...(maxInputTokens !== undefined && { maxInputTokens }),
  });
  const policy = createPolicy({ scorer, detoxifier, threshold: 0.5, prefilter: { scorer: prefilter, clearBelow } });
  const items: unknown[] = [];
  await policy.process(rowsOf(texts), (item) => {
    items[item.rowNo] = item;
  });
  return { items, asked: scorer.calls.flat() };
}

describe('prefilter', () => {
  it('clears what it calls surely clean, under its own score; the scorer sees only the rest', async () => {
    const { items, asked } = await withPrefilter(0.05);
    expect(items).toMatchObject([
      { outcome: 'clean', toxicityBefore: 0.01, cleared: true, tokensIn: 6 },
      { outcome: 'detoxified', toxicityBefore: 0.9 },
      { outcome: 'clean', toxicityBefore: 0.1 },
      { outcome: 'clean', toxicityBefore: null },
      { outcome: 'clean', toxicityBefore: 0.1 },
    ]);
    expect(items.filter((item) => Object.hasOwn(item as object, 'cleared'))).toHaveLength(1);
    expect(asked).not.toContain('a fine day .');
    expect(asked).toContain('so so .');
  });

  it('clears nothing below zero, and nothing that its window does not hold', async () => {
    expect((await withPrefilter(0)).items.some((item) => Object.hasOwn(item as object, 'cleared'))).toBe(false);
    const { items } = await withPrefilter(0.5, 12);
    expect(items.map((item) => Object.hasOwn(item as object, 'cleared'))).toEqual([true, false, true, false, false]);
  });
});
