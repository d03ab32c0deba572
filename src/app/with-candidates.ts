import { UsageError } from '../contract/errors.ts';
import type { GenerationOverrides } from '../contract/generation.ts';

/**
 * Generation options that give as many outputs as `candidates`: the beams of a search that is as wide, or samples.
 *
 * @throws UsageError where fewer beams are asked for
 */
export function withCandidates(given: GenerationOverrides, candidates: number): GenerationOverrides {
  if (candidates === 1) return given;
  const beams = given.num_beams;
  if (given.do_sample === true && beams === undefined) return { ...given, num_return_sequences: candidates };
  if (typeof beams === 'number' && beams < candidates) {
    throw new UsageError(`--candidates ${candidates} needs as many beams: --num-beams ${candidates}, or leave it out.`);
  }
  return { num_beams: candidates, ...given, num_return_sequences: candidates };
}
