import type { GenerationOverrides } from '../contract/generation.ts';
import { badWordIds, checkGeneration, readLexicon } from '../engine/load.ts';

/**
 * The options as the engine takes them: the words of a lexicon become token ids of the model that must not produce them,
 * so that whoever has the options needs no file.
 *
 * @throws UsageError for options that the model cannot have
 */
export function resolveGeneration(
  { folder, architecture }: { readonly folder: string; readonly architecture: string },
  given: GenerationOverrides,
  lexicon: string | undefined,
): GenerationOverrides {
  const generation =
    lexicon === undefined ? given : { ...given, bad_words_ids: badWordIds(folder, readLexicon(lexicon)) };
  checkGeneration(folder, architecture, generation);
  return generation;
}
