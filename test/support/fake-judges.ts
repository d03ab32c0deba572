import type { Judges } from '../../src/report/evaluation/judges.ts';

const identity = (name: string) => ({ name, architecture: 'fake', digest: 'c'.repeat(64), precision: 'fp32' }) as const;
const words = (text: string): string[] => text.split(/\s+/u).filter((word) => word !== '');
const shared = { maxInputTokens: 32, countTokens: (text: string) => words(text).length + 2 };

export interface FakeJudges extends Judges {
  /** The texts of each call so far, by judge. */
  readonly calls: { readonly sta: string[][]; readonly sim: string[][]; readonly fl: string[][] };
}

/**
 * Judges by words: neutral .1 with one of `toxic`, else .9; acceptable .2 with the word `the the`, else .8; embeddings
 * are the unit vector of word counts over `vocabulary`, so that a cosine can be reckoned by hand.
 */
export function createFakeJudges(toxic: readonly string[], vocabulary: readonly string[]): FakeJudges {
  const calls: FakeJudges['calls'] = { sta: [], sim: [], fl: [] };
  return {
    calls,
    sta: {
      identity: identity('fake-sta'),
      form: 'model',
      ...shared,
      async judge(texts) {
        calls.sta.push([...texts]);
        return texts.map((text) => (words(text).some((word) => toxic.includes(word)) ? 0.1 : 0.9));
      },
    },
    sim: {
      identity: identity('fake-sim'),
      form: 'model',
      ...shared,
      async embed(texts) {
        calls.sim.push([...texts]);
        return texts.map((text) => {
          const counts = vocabulary.map((word) => words(text).filter((other) => other === word).length);
          const length = Math.hypot(...counts);
          return Float32Array.from(counts, (count) => (length === 0 ? 0 : count / length));
        });
      },
    },
    fl: {
      identity: identity('fake-fl'),
      form: 'joined',
      ...shared,
      async judge(texts) {
        calls.fl.push([...texts]);
        return texts.map((text) => (text.includes('the the') ? 0.2 : 0.8));
      },
    },
  };
}
