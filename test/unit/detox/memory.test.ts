import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { createMemory } from '../../../src/detox/memory.ts';
import { createPolicy } from '../../../src/detox/policy.ts';
import { createFakeScorer } from '../../support/fake-models.ts';
import { DICTIONARY, processAll, rewriting, rowsOf, TOXIC_WORDS } from '../../support/fake-policy.ts';

describe('memory of answers', () => {
  it('gives the last value of a key, or nothing, and keeps the used ones when it is full', () => {
    const memory = createMemory<number>(3 * 500);
    for (const key of ['a', 'b', 'c']) memory.set(key, 1);
    memory.set('b', 2);
    expect(memory.get('a')).toBe(1);
    memory.set('d', 4);
    expect(['a', 'b', 'c', 'd'].map((key) => memory.get(key))).toEqual([1, 2, undefined, 4]);
  });

  it('never holds more than its bytes, whatever comes', () => {
    fc.assert(
      fc.property(fc.array(fc.string({ maxLength: 2000 })), (keys) => {
        const memory = createMemory<string>(10_000);
        for (const key of keys) memory.set(key, key);
        const kept = [...new Set(keys)].filter((key) => memory.get(key) === key);
        expect(kept.reduce((sum, key) => sum + key.length + 400, 0)).toBeLessThanOrEqual(10_000);
        const last = keys.at(-1);
        if (last !== undefined) expect(memory.get(last)).toBe(last);
      }),
    );
  });

  it('a policy asks no model twice about the same sentence, and its results stay the same', async () => {
    const scorer = createFakeScorer({ toxicWords: TOXIC_WORDS });
    const detoxifier = rewriting(DICTIONARY);
    const policy = createPolicy({ scorer, detoxifier, threshold: 0.5 });
    const rows = rowsOf(['You are an idiot.', 'A fine day. You are an idiot.', 'A fine day.']);
    const once = async (): Promise<unknown[]> => {
      const items: unknown[] = [];
      await policy.process(rows, (item) => {
        items[item.rowNo] = item;
      });
      return items;
    };
    const first = await once();
    const asked = [scorer.calls.length, detoxifier.calls.length];
    expect(await once()).toEqual(first);
    expect(first).toEqual(await processAll(rows));
    expect([scorer.calls.length, detoxifier.calls.length]).toEqual(asked);
    const texts = [...scorer.calls.flat(), ...detoxifier.calls.flat().map((text) => `rewrite ${text}`)];
    expect(new Set(texts).size).toBe(texts.length);
  });
});
