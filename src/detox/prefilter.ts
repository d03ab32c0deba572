import type { Score, Scorer } from '../contract/models.ts';
import { createAnswers } from './answers.ts';
import { createMemory } from './memory.ts';
import { fitsWindow, mostToxic, type Reading } from './reading.ts';

/** A small scorer that clears rows which are surely clean, so that the large one need not look at them. */
export interface Prefilter {
  readonly scorer: Scorer;
  /** Clear below this (probability of the toxic label, 0 to 1): see calibration.ts. */
  readonly clearBelow: number;
}

export interface Cleared {
  /** Probability of the toxic label by the prefilter. */
  readonly toxicity: number;
  /** Tokens that the prefilter read. */
  readonly tokensIn: number;
}

/** For each reading what clears it, or null: it is for the scorer to decide. */
export type Clear = (readings: readonly Reading[]) => Promise<(Cleared | null)[]>;

/** @param memoryBytes for answers that are kept from call to call */
export function createClear({ scorer, clearBelow }: Prefilter, memoryBytes: number): Clear {
  const known = createMemory<Score>(memoryBytes);
  // It is asked about every whole: it costs little, and what is doubtful to the scorer need not be so to a prefilter.
  const formsOf = ({ parts, whole }: Reading): readonly string[] => (whole === null ? parts : [...parts, whole]);
  return async (readings) => {
    const scores = createAnswers((forms) => scorer.score(forms), known);
    // What its window does not hold, it has not read.
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
