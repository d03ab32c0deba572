import { readFileSync } from 'node:fs';
import { UsageError } from '../contract/errors.ts';
import { readTokenizerFiles } from './checkpoint/tokenizer-files.ts';
import { parseTokenizer } from './tokenizer.ts';

/**
 * `bad_words_ids` for words that must never be produced: each as the checkpoint's tokenizer writes it after a space and
 * without one (`add_prefix_space`), as the documentation of transformers advises. A word counts as it is spelled: another
 * case or ending is another word.
 */
export function badWordIds(folder: string, words: readonly string[]): number[][] {
  const files = readTokenizerFiles(folder);
  const [spaced, bare] = [true, false].map((space) => {
    const tokenizer = parseTokenizer({ ...files, tokenizer: withSpace(files.tokenizer, space) });
    return (word: string) => {
      const { ids } = tokenizer.encode(word, { add_special_tokens: false });
      return { ids, text: ids.length === 0 ? '' : tokenizer.decode(ids).trim() };
    };
  });
  const known = new Map<string, number[]>();
  for (const word of words) {
    const [after, alone] = [spaced?.(word), bare?.(word)];
    // Tokenizers that split at spaces and write them only before words lose those of a phrase with the first one.
    const forms = alone?.text === after?.text ? [alone, after] : [after];
    for (const form of forms) if (form !== undefined && form.ids.length > 0) known.set(form.ids.join(), form.ids);
  }
  return [...known.values()];
}

/**
 * The words of a lexicon: one a line, empty lines left out.
 * @throws UsageError if it cannot be read or has no words
 */
export function readLexicon(file: string): string[] {
  let text: string;
  try {
    text = readFileSync(file, 'utf8');
  } catch (cause) {
    throw new UsageError(`The lexicon ${file} cannot be read.`, { cause });
  }
  const words = new Set(text.split('\n').map((line) => line.trim()));
  words.delete('');
  if (words.size === 0) throw new UsageError(`The lexicon ${file} has no words: it must have one a line.`);
  return [...words];
}

/** The same JSON with the choice in every part that has one: byte-level tokenizers and those of SentencePiece. */
function withSpace(tokenizer: Readonly<Record<string, unknown>>, space: boolean): Record<string, unknown> {
  const change = (value: unknown): unknown => {
    if (Array.isArray(value)) return value.map(change);
    if (value === null || typeof value !== 'object') return value;
    const copy = Object.fromEntries(Object.entries(value).map(([name, item]) => [name, change(item)]));
    if (copy.type === 'ByteLevel') return { ...copy, add_prefix_space: space };
    if (copy.type !== 'Metaspace') return copy;
    return { ...copy, add_prefix_space: space, prepend_scheme: space ? 'always' : 'never' };
  };
  const { model, ...parts } = tokenizer;
  return { ...(change(parts) as object), model };
}
