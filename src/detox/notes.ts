import { isObject, type JsonObject } from '../contract/row.ts';
import type { AlternativeScores } from './alternatives.ts';
import type { Guard } from './guards.ts';

/** How the candidates for a sentence did, likeliest first; `taken` is the place of the one that was taken, or null. */
export interface CandidateNote {
  readonly taken: number | null;
  readonly scores: readonly AlternativeScores[];
}

export interface Notes {
  /** Guards that rewrites of the row failed. */
  readonly guard: readonly Guard[];
  readonly candidates: readonly CandidateNote[];
}

/** `meta` of a row with the notes under `detoxq.guard` and `detoxq.candidates`; as it was if there are none. */
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
