import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { Tokenizer } from '@huggingface/tokenizers';
import { UsageError } from '../contract/errors.ts';
import { readFields } from './checkpoint/fields.ts';

/**
 * `bad_words_ids` for words that must never be produced: each as the checkpoint's tokenizer writes it at the beginning of
 * a text and after a space, as the documentation of transformers advises. A word counts as it is spelled: another case or
 * ending is another word.
 */
export function badWordIds(folder: string, words: readonly string[]): number[][] {
  const tokenizers = [false, true].map((space) => openTokenizer(folder, space));
  const known = new Map<string, number[]>();
  for (const word of words) {
    for (const tokenizer of tokenizers) {
      const ids = tokenizer.encode(word, { add_special_tokens: false }).ids;
      if (ids.length > 0) known.set(ids.join(), ids);
    }
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

/** The tokenizer with or without a space before the first word (`add_prefix_space`). */
function openTokenizer(folder: string, space: boolean): Tokenizer {
  const [model, config] = ['tokenizer.json', 'tokenizer_config.json'].map((file) => {
    const fields = readFields(join(folder, file));
    return Object.fromEntries(fields.names.map((name) => [name, fields.raw(name)]));
  });
  return new Tokenizer(withSpace(model, space) as object, { ...config, add_prefix_space: space });
}

/** The same JSON with the choice in every part that has one: byte-level tokenizers and those of SentencePiece. */
function withSpace(value: unknown, space: boolean): unknown {
  if (Array.isArray(value)) return value.map((item) => withSpace(item, space));
  if (value === null || typeof value !== 'object') return value;
  const copy = Object.fromEntries(Object.entries(value).map(([name, item]) => [name, withSpace(item, space)]));
  if (copy.type === 'ByteLevel') return { ...copy, add_prefix_space: space };
  if (copy.type === 'Metaspace')
    return { ...copy, add_prefix_space: space, prepend_scheme: space ? 'always' : 'never' };
  return copy;
}
