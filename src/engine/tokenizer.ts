import { join } from 'node:path';
import { Tokenizer as HuggingFaceTokenizer } from '@huggingface/tokenizers';
import { CheckpointError } from '../contract/errors.ts';
import { type Fields, readFields } from './checkpoint/fields.ts';

export interface Tokenizer {
  /** Longest input that the tokenizer's own configuration allows, special tokens included; null if it sets none. */
  readonly maxTokens: number | null;
  /** Token ids with special tokens. Longer texts lose their end, as in transformers: the closing token stays. */
  encode(text: string, maxTokens: number): number[];
  /** Number of tokens before any truncation, special tokens included. */
  count(text: string): number;
  /** The text of generated ids, without special tokens. */
  decode(ids: readonly number[]): string;
}

/** transformers writes this, or more, for "no limit". */
const NO_LIMIT = 1e15;

/**
 * Loads `tokenizer.json` and `tokenizer_config.json`; ids are those of transformers' fast tokenizers.
 *
 * @param vocabulary rows of the model's embedding table: a tokenizer with more tokens belongs to another model
 */
export function loadTokenizer(folder: string, vocabulary: number): Tokenizer {
  const config = readFields(join(folder, 'tokenizer_config.json'));
  if (config.string('truncation_side', 'right') !== 'right') {
    throw config.error('truncation_side is "left"; only truncation of the end is implemented');
  }
  const tokenizer = parse(readFields(join(folder, 'tokenizer.json')), config);
  const largest = Math.max(...tokenizer.get_vocab(true).values());
  if (largest >= vocabulary) {
    throw config.error(`the tokenizer has token ${largest}, but the model's vocabulary ends at ${vocabulary - 1}`);
  }
  const { before, after } = specialTokens(tokenizer, folder);

  return {
    maxTokens: readLimit(config),
    encode(text, maxTokens) {
      const { ids } = tokenizer.encode(text);
      if (ids.length <= maxTokens) return ids;
      const closing = ids.slice(ids.length - after);
      return [...ids.slice(0, Math.max(before, maxTokens - after)), ...closing];
    },
    count: (text) => tokenizer.encode(text).ids.length,
    // Without `clean_up_tokenization_spaces`, which would close up "you , please" to "you, please".
    decode: (ids) =>
      ids.length === 0
        ? ''
        : tokenizer.decode([...ids], { skip_special_tokens: true, clean_up_tokenization_spaces: false }),
  };
}

function toObject(fields: Fields): object {
  return Object.fromEntries(fields.names.map((name) => [name, fields.raw(name)]));
}

function parse(model: Fields, config: Fields): HuggingFaceTokenizer {
  try {
    return new HuggingFaceTokenizer(toObject(model), toObject(config));
  } catch (cause) {
    throw new CheckpointError(`${model.file} is not a tokenizer that can be loaded`, { cause });
  }
}

function readLimit(config: Fields): number | null {
  const value = config.raw('model_max_length');
  return typeof value === 'number' && value < NO_LIMIT ? value : null;
}

/** How many special tokens the tokenizer puts before and after a text. */
function specialTokens(tokenizer: HuggingFaceTokenizer, folder: string): { before: number; after: number } {
  const plain = tokenizer.encode('a', { add_special_tokens: false }).ids;
  const { ids } = tokenizer.encode('a');
  for (let before = 0; before + plain.length <= ids.length; before++) {
    if (plain.every((id: number, i: number) => id === ids[before + i]))
      return { before, after: ids.length - before - plain.length };
  }
  throw new CheckpointError(
    `${folder}/tokenizer.json: the tokens of a text do not appear among those with special tokens`,
  );
}
