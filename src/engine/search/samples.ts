import { type Candidate, type Hypothesis, isFinished, type RowLimits, type RowSearch } from './hypothesis.ts';

/** Chooses the next token of a sample. @param step number of tokens that it has already */
type Choose = (candidates: readonly Candidate[], sample: number, step: number) => Candidate | undefined;

interface Sample {
  readonly number: number;
  readonly tokens: readonly number[];
  readonly logprob: number;
}

/**
 * Independent outputs of one row, each one token at a time: sampling, or greedy search if the best token is always chosen.
 */
export function createSamples(count: number, choose: Choose, limits: RowLimits): RowSearch {
  let running: Sample[] = Array.from({ length: count }, (_, number) => ({ number, tokens: [], logprob: 0 }));
  const done: Hypothesis[] = [];

  return {
    running: () => running,
    advance(candidates) {
      const parents: number[] = [];
      const next: Sample[] = [];
      running.forEach(({ number, tokens: before, logprob: sum }, place) => {
        const chosen = choose(candidates[place] ?? [], number, before.length);
        if (chosen === undefined) return;
        const tokens = [...before, chosen.token];
        const logprob = sum + chosen.logprob;
        if (limits.isEnd(chosen.token) || tokens.length >= limits.maxNewTokens) {
          done.push({ tokens, logprob, score: logprob, finished: isFinished(tokens, limits) });
        } else {
          parents.push(place);
          next.push({ number, tokens, logprob });
        }
      });
      running = next;
      return parents;
    },
    // Of equal scores, the sample that ended first comes first.
    results: () => [...done].sort((a, b) => b.score - a.score),
  };
}
