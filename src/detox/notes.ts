import { isObject, type JsonObject } from '../contract/row.ts';
import type { AlternativeScores } from './alternatives.ts';
import type { Guard } from './guards.ts';

/** Scores of the candidates for a sentence, the likeliest first. `taken` is the place of the chosen candidate, or null. */
export interface CandidateNote {
  readonly taken: number | null;
  readonly scores: readonly AlternativeScores[];
}

interface Notes {
  /** Guards that rejected rewrites of the row. */
  readonly guard: readonly Guard[];
  readonly candidates: readonly CandidateNote[];
}

/** `meta` of a row with the notes under `detoxq.guard` and `detoxq.candidates`; unchanged without notes. */
export function withNotes(meta: JsonObject | null, { guard, candidates }: Notes): JsonObject | null {
  if (guard.length === 0 && candidates.length === 0) return meta;
  const before = meta?.detoxq;
  const notes: JsonObject = isObject(before) ? { ...before } : {};
  if (guard.length > 0) notes.guard = [...guard];
  if (candidates.length > 0) {
    notes.candidates = candidates.map(({ taken, scores }) => ({ taken, scores: scores.map((of) => ({ ...of })) }));
  }
  return { ...meta, detoxq: notes };
}
