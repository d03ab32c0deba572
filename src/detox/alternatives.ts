import type { Rewrite, RewriteCandidate } from '../contract/models.ts';
import { type Candidates, chooseCandidate, findCandidates, type Toxicities } from './candidates.ts';
import { chrf } from './chrf.ts';
import type { Guard } from './guards.ts';
import type { Reading, ReadText } from './reading.ts';
import type { Segment } from './sentences.ts';

/** One output of the model for a segment, and the candidates from it. */
interface Alternative extends Candidates {
  /** Mean log-probability of its tokens (natural logarithm); null if the model did not give it. */
  readonly logprob: number | null;
}

/** Outputs of the model for a segment, the likeliest first. */
export interface Proposal {
  readonly segment: Segment;
  readonly alternatives: readonly Alternative[];
}

/** What `meta` stores about an alternative: its scores, or why it is missing. */
export interface AlternativeScores {
  readonly toxicity?: number;
  /** chrF of the new segment and the old, 0 to 1. */
  readonly similarity?: number;
  /** Mean probability of a token (geometric), 0 to 1. */
  readonly fluency?: number;
  /** `same` for an alternative that changes nothing. */
  readonly guard?: Guard | 'same';
}

interface Choice {
  /** The new segment, or null if there is none. */
  readonly reading: Reading | null;
  /** Its place among the alternatives. */
  readonly place: number | null;
  /** Why there is no new segment. */
  readonly guards: readonly Guard[];
  /** One per alternative; empty if there was only one. */
  readonly scores: readonly AlternativeScores[];
}

export function propose(
  text: string,
  segment: Segment,
  rewrite: Rewrite,
  knownWords: ReadonlySet<string> | null,
  read: ReadText,
): Proposal {
  const outputs: readonly RewriteCandidate[] = rewrite.candidates.length > 0 ? rewrite.candidates : [rewrite];
  return {
    segment,
    alternatives: outputs.map((output) => ({
      ...findCandidates(text, segment, output, knownWords, read),
      logprob: output.logprob === null ? null : output.logprob / Math.max(1, output.tokens.length),
    })),
  };
}

/** Texts of a proposal that the scorer must score. */
export function readingsOf({ alternatives }: Proposal): Reading[] {
  return alternatives.flatMap(({ list }) => list.map(({ reading }) => reading));
}

/** Words that the scorer must score by themselves. */
export function namesOf({ alternatives }: Proposal): string[] {
  return alternatives.flatMap(({ list }) => list.flatMap(({ lostNames }) => lostNames));
}

/**
 * Chooses the best alternative. `chooseCandidate` chooses one candidate per alternative. Of these, it takes the one with the
 * largest product of harmlessness, similarity to the source and fluency; of equal ones the likelier.
 */
export function chooseAlternative(text: string, { segment, alternatives }: Proposal, toxicity: Toxicities): Choice {
  const source = text.slice(segment.start, segment.end);
  const scores: AlternativeScores[] = [];
  const guards = new Set<Guard>();
  let best: { readonly reading: Reading; readonly place: number; readonly merit: number } | null = null;
  for (const [place, alternative] of alternatives.entries()) {
    const found = chooseCandidate(text, alternative, toxicity);
    if (found === null || 'guard' in found) {
      if (found !== null) guards.add(found.guard);
      scores.push({ guard: found?.guard ?? 'same' });
      continue;
    }
    const harm = toxicity.of(found.chosen);
    const similarity = chrf(found.chosen.text, source);
    const fluency = alternative.logprob === null ? 1 : Math.exp(alternative.logprob);
    const merit = (1 - harm) * similarity * fluency;
    scores.push({ toxicity: round(harm), similarity: round(similarity), fluency: round(fluency) });
    if (best === null || merit > best.merit) best = { reading: found.chosen, place, merit };
  }
  const { reading, place } = best ?? { reading: null, place: null };
  return { reading, place, guards: reading === null ? [...guards] : [], scores: alternatives.length > 1 ? scores : [] };
}

function round(value: number): number {
  return Math.round(value * 1000) / 1000;
}
