import { UsageError } from '../contract/errors.ts';
import type { GenerationOverrides } from '../contract/generation.ts';
import { badWordIds, checkGeneration } from '../engine/index.ts';
import { lexiconText, readLexicon } from './lexicon.ts';

/**
 * The options as the engine takes them: the words of a lexicon become token ids of the model that must not produce them,
 * so that whoever has the options needs no file.
 *
 * @throws UsageError for options that the model cannot have, and for a lexicon without effect
 */
export async function resolveGeneration(
  { folder, architecture }: { readonly folder: string; readonly architecture: string },
  given: GenerationOverrides,
  lexicon: string | undefined,
): Promise<GenerationOverrides> {
  const generation = lexicon === undefined ? given : { ...given, bad_words_ids: await bannedIds(folder, lexicon) };
  checkGeneration(folder, architecture, generation);
  return generation;
}

async function bannedIds(folder: string, file: string): Promise<number[][]> {
  const lexicon = await readLexicon(file);
  const { ids, unwritable } = badWordIds(folder, lexicon.words);
  if (ids.length === 0) {
    throw new UsageError(
      `The lexicon ${file} has no effect: the tokenizer of ${folder} has no tokens for any of its words.`,
    );
  }
  process.stderr.write(`${lexiconText(file, lexicon, unwritable.length)}\n`);
  return ids;
}
