import type { Detoxifier, Rewrite, Score, Scorer } from '../../src/contract/models.ts';

/** Text in model form; a fake token is a word of it, and two special ones go around it, as with real models. */
function words(text: string): string[] {
  return text.split(' ').filter((word) => word !== '');
}

const countTokens = (text: string): number => words(text).length + 2;

export interface FakeScorer extends Scorer {
  /** The texts of each call so far. */
  readonly calls: (readonly string[])[];
}

export interface FakeDetoxifier extends Detoxifier {
  readonly calls: (readonly string[])[];
}

/** Toxicity .9 for a text with one of `toxicWords`, .99 with several, else .1; `exceptions` overrule it for whole texts. */
export function createFakeScorer(options: {
  toxicWords: readonly string[];
  exceptions?: Readonly<Record<string, number>>;
  maxInputTokens?: number;
}): FakeScorer {
  const toxic = new Set(options.toxicWords);
  const calls: (readonly string[])[] = [];
  const scoreOf = (text: string): number => {
    const exception = options.exceptions?.[text];
    if (exception !== undefined) return exception;
    const count = words(text).filter((word) => toxic.has(word)).length;
    return count === 0 ? 0.1 : count === 1 ? 0.9 : 0.99;
  };
  return {
    identity: { name: 'fake-scorer', architecture: 'fake', digest: 'a'.repeat(64), precision: 'fp32' },
    maxInputTokens: options.maxInputTokens ?? 256,
    countTokens,
    calls,
    async score(texts): Promise<Score[]> {
      calls.push(texts);
      return texts.map((text) => {
        const toxicity = scoreOf(text);
        return { toxicity, logits: [1 - toxicity, toxicity], inputTokens: countTokens(text) };
      });
    },
  };
}

/**
 * Rewrites by a dictionary: whole texts first, then phrases of up to three words (an empty string deletes). A rewrite
 * given as `{ text, finished: false }` stands for one that ran into its length limit.
 */
export function createFakeDetoxifier(options: {
  dictionary: Readonly<Record<string, string | { text: string; finished: false }>>;
  knownWords?: readonly string[];
  maxInputTokens?: number;
}): FakeDetoxifier {
  const dictionary = new Map(Object.entries(options.dictionary));
  const calls: (readonly string[])[] = [];
  const rewriteOf = (text: string): { text: string; finished: boolean } => {
    const whole = dictionary.get(text);
    if (whole !== undefined) return typeof whole === 'string' ? { text: whole, finished: true } : whole;
    const source = words(text);
    const out: string[] = [];
    for (let at = 0; at < source.length; ) {
      const length = [3, 2, 1].find((n) => dictionary.has(source.slice(at, at + n).join(' '))) ?? 0;
      const entry = dictionary.get(source.slice(at, at + length).join(' ')) ?? source[at] ?? '';
      out.push(...words(typeof entry === 'string' ? entry : entry.text));
      at += Math.max(1, length);
    }
    return { text: out.join(' '), finished: true };
  };
  return {
    identity: { name: 'fake-detoxifier', architecture: 'fake', digest: 'b'.repeat(64), precision: 'fp32' },
    maxInputTokens: options.maxInputTokens ?? 128,
    knownWords: options.knownWords === undefined ? null : new Set(options.knownWords),
    countTokens,
    calls,
    async rewrite(texts): Promise<Rewrite[]> {
      calls.push(texts);
      return texts.map((text) => {
        const { text: rewritten, finished } = rewriteOf(text);
        const tokens = [...words(rewritten).map((_, at) => at + 3), 2];
        return {
          ...{ text: rewritten, inputTokens: countTokens(text), tokens, finished },
          ...{ logprob: null, score: null, candidates: [] },
        };
      });
    },
  };
}
