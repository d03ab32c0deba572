import { UsageError } from '../contract/errors.ts';
import type { GenerationOverrides } from '../contract/generation.ts';
import { badWordIds, checkGeneration } from '../engine/index.ts';
import type { OnEvent } from './events.ts';
import { readLexicon } from './lexicon.ts';

/**
 * Generation options as the engine takes them: the words of a lexicon become token ids that the model must not produce,
 * so that whoever has the options needs no file.
 *
 * @param lexicon a file with one word or phrase per line; undefined where none is banned
 * @throws UsageError for options that the model cannot have, and for a lexicon without effect
 */
export async function resolveGeneration(
  { folder, architecture }: { readonly folder: string; readonly architecture: string },
  given: GenerationOverrides,
  lexicon: string | undefined,
  emit: OnEvent,
): Promise<GenerationOverrides> {
  const generation =
    lexicon === undefined ? given : { ...given, bad_words_ids: await bannedIds(folder, lexicon, emit) };
  checkGeneration(folder, architecture, generation);
  return generation;
}

async function bannedIds(folder: string, file: string, emit: OnEvent): Promise<number[][]> {
  const { words, comments, doubtful } = await readLexicon(file);
  const { ids, unwritable } = badWordIds(folder, words);
  if (ids.length === 0) {
    throw new UsageError(
      `The lexicon ${file} has no effect: the tokenizer of ${folder} has no tokens for any of its words.`,
    );
  }
  const banned = words.length - unwritable.length;
  emit({ type: 'lexicon', file, words: banned, comments, unwritable: unwritable.length, doubtful });
  return ids;
}

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
