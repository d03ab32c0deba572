import type { Score, Scorer } from '../contract/models.ts';
import { createAnswers } from './answers.ts';
import { createMemory } from './memory.ts';
import { fitsWindow, mostToxic, type Reading } from './reading.ts';

/** A small scorer that clears rows that are surely clean, so that the large scorer does not read them. */
export interface Prefilter {
  readonly scorer: Scorer;
  /** Clears rows below this (probability of the toxic label, 0 to 1): see calibration.ts. */
  readonly clearBelow: number;
}

interface Cleared {
  /** Probability of the toxic label by the prefilter. */
  readonly toxicity: number;
  /** Tokens that the prefilter read. */
  readonly tokensIn: number;
}

/** For each reading the score that clears it, or null: then the scorer decides. */
export type Clear = (readings: readonly Reading[]) => Promise<(Cleared | null)[]>;

/** @param memoryBytes memory for answers that are kept from call to call */
export function createClear({ scorer, clearBelow }: Prefilter, memoryBytes: number): Clear {
  const known = createMemory<Score>(memoryBytes);
  // The prefilter scores every whole text. It costs little, and a prefilter can be sure where a scorer is in doubt.
  const formsOf = ({ parts, whole }: Reading): readonly string[] => (whole === null ? parts : [...parts, whole]);
  return async (readings) => {
    const scores = createAnswers((forms) => scorer.score(forms), known);
    // It has not read text beyond its window.
    const readable = readings
      .map(formsOf)
      .map((forms) => (forms.every((form) => fitsWindow(form, scorer)) ? forms : null));
    await scores.ask(readable.flatMap((forms) => forms ?? []));
    return readable.map((forms) => {
      if (forms === null) return null;
      const toxicity = mostToxic(forms, scores.of);
      if (toxicity >= clearBelow) return null;
      return { toxicity, tokensIn: forms.reduce((sum, form) => sum + scores.of(form).inputTokens, 0) };
    });
  };
}
