import type { Detoxifier, Rewrite, RewriteCandidate } from '../../src/contract/models.ts';

/** An output that a fake detoxifier is to give: its text, and the mean log-probability of its tokens. */
export type FakeOutput = readonly [text: string, logprob: number];

/** Gives for each text the outputs that were written down for it, in order, and the text itself for others. */
export function createFakeCandidates(outputs: Readonly<Record<string, readonly FakeOutput[]>>): Detoxifier {
  const words = (text: string): string[] => text.split(' ');
  return {
    identity: { name: 'fake-candidates', architecture: 'fake', digest: 'd'.repeat(64), precision: 'fp32' },
    maxInputTokens: 128,
    knownWords: null,
    countTokens: (text) => words(text).length + 2,
    async rewrite(texts): Promise<Rewrite[]> {
      return texts.map((text) => {
        const candidates = (outputs[text] ?? [[text, -0.1]]).map(([output, logprob]): RewriteCandidate => {
          const tokens = [...words(output).map((_, at) => at + 3), 2];
          return { text: output, tokens, finished: true, logprob: logprob * tokens.length, score: logprob };
        });
        const [best] = candidates;
        if (best === undefined) throw new Error('no outputs were written down');
        return { ...best, inputTokens: words(text).length + 2, candidates: candidates.length > 1 ? candidates : [] };
      });
    },
  };
}
