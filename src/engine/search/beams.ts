import type { BeamSearch } from '../checkpoint/config/generation.ts';
import { type Candidate, type Hypothesis, isFinished, type RowLimits, type RowSearch } from './hypothesis.ts';

interface Beam {
  readonly tokens: readonly number[];
  readonly score: number;
  readonly logprob: number;
}

/** Score of an unused place, as in transformers. */
const EMPTY = -1e9;

/**
 * Beam search for one row, step by step as in transformers 4.57, with scores in fp32:
 *
 * - All beams start equal. All but the first have the score -1e9, so that the first step takes different tokens of one beam.
 * - A step keeps (1 + end tokens, at least 2) × beams continuations, so that enough of them continue.
 * - A continuation that ends counts only if it is among the best `beams` of them. Its score is then the sum of
 *   log-probabilities divided by (generated tokens) ^ `length_penalty`. The best `beams` of them are kept.
 * - Once `beams` are kept, `early_stopping` true ends the row. False ends it when the best running beam, at its present
 *   length, is no better than the worst kept one. For a positive penalty, "never" takes the longest possible length instead.
 */
export function createBeams(search: BeamSearch, endTokens: number, limits: RowLimits): RowSearch {
  const { beams, earlyStopping } = search;
  const lengthPenalty = (length: number): number => Math.fround(length ** search.lengthPenalty);
  const toKeep = continuations(beams, endTokens);
  let length = 0;
  let improvable = true;
  let kept: Beam[] = [];
  let running: Beam[] = Array.from({ length: beams }, (_, i) => ({
    tokens: [],
    score: i === 0 ? 0 : EMPTY,
    logprob: 0,
  }));

  interface Continuation extends Beam {
    readonly parent: number;
    readonly ends: boolean;
  }

  function best(candidates: readonly (readonly Candidate[])[]): Continuation[] {
    const all = running.flatMap((beam, parent) =>
      (candidates[parent] ?? []).map(({ token, score, logprob }) => ({
        parent,
        token,
        score: Math.fround(beam.score + score),
        logprob: beam.logprob + logprob,
      })),
    );
    all.sort((a, b) => b.score - a.score || a.parent - b.parent || a.token - b.token);
    return all.slice(0, toKeep).map(({ parent, token, score, logprob }) => {
      const tokens = [...(running[parent]?.tokens ?? []), token];
      return { parent, tokens, score, logprob, ends: limits.isEnd(token) || tokens.length >= limits.maxNewTokens };
    });
  }

  function keep(continuations: readonly Continuation[]): void {
    if (!improvable || (earlyStopping === true && kept.length === beams)) return;
    const ended = continuations
      .slice(0, beams)
      .filter(({ ends }) => ends)
      .map(({ tokens, score, logprob }) => ({ tokens, score: Math.fround(score / lengthPenalty(length)), logprob }))
      .filter(({ score }) => score > EMPTY);
    // The sort is stable: of equal scores the older one stays.
    kept = [...kept, ...ended].sort((a, b) => b.score - a.score).slice(0, beams);
  }

  function canImprove(): boolean {
    if (kept.length < beams) return true;
    const hypothetical = earlyStopping === 'never' && search.lengthPenalty > 0 ? limits.maxNewTokens : length;
    const possible = Math.fround((running[0]?.score ?? -Infinity) / lengthPenalty(hypothetical));
    return possible > (kept.at(-1)?.score ?? EMPTY);
  }

  return {
    running: () => running,
    advance(candidates) {
      length += 1;
      const continuations = best(candidates);
      keep(continuations);
      const next = continuations.filter(({ ends }) => !ends).slice(0, beams);
      running = next.map(({ tokens, score, logprob }) => ({ tokens, score, logprob }));
      improvable &&= canImprove();
      if (!improvable || (earlyStopping === true && kept.length === beams)) running = [];
      return next.slice(0, running.length).map(({ parent }) => parent);
    },
    results: (): Hypothesis[] => kept.map((beam) => ({ ...beam, finished: isFinished(beam.tokens, limits) })),
  };
}

/** Number of continuations that a step needs, over all beams. */
export function continuations(beams: number, endTokens: number): number {
  return Math.max(2, 1 + endTokens) * beams;
}
