import { basename, join } from 'node:path';
import { CheckpointError } from '../../contract/errors.ts';
import type { TokenizerFacts } from '../../contract/inspection.ts';
import { ARCHITECTURES } from '../architectures/registry.ts';
import { isThere } from '../checkpoint/checkpoint-file.ts';
import { type Fields, readFields } from '../checkpoint/config/fields.ts';
import {
  readTokenizerFiles,
  type TokenizerFiles,
  tokenizerFileNames,
} from '../checkpoint/tokenizer/tokenizer-files.ts';

type Kind = TokenizerFacts['kind'];
type Json = Readonly<Record<string, unknown>>;

/** transformers writes this number, or a larger one, for "no limit". */
const NO_LIMIT = 1e15;

/** @param folder null if only the config is known */
export function tokenizerFacts(folder: string | null, modelType: string | null): TokenizerFacts {
  const unknown = {
    kind: ARCHITECTURES.find((known) => known.modelType === modelType)?.tokenizer ?? null,
    file: null,
    vocabulary: null,
    lowercases: null,
    maxTokens: null,
    special: {},
    problem: null,
  };
  if (folder === null || !hasTokenizer(folder)) return unknown;
  try {
    return factsOf(folder, readTokenizerFiles(folder));
  } catch (error) {
    if (!(error instanceof CheckpointError)) throw error;
    return { ...unknown, problem: error.message };
  }
}

function hasTokenizer(folder: string): boolean {
  try {
    return tokenizerFileNames(folder).length > 0;
  } catch (error) {
    if (error instanceof CheckpointError) return false;
    throw error;
  }
}

function factsOf(folder: string, { file, tokenizer, config, special }: TokenizerFiles): TokenizerFacts {
  const limit = config.raw('model_max_length');
  const map = join(folder, 'special_tokens_map.json');
  return {
    kind: kindOf(tokenizer),
    file: basename(file),
    vocabulary: vocabularySize(tokenizer),
    lowercases: lowercases(tokenizer.normalizer),
    maxTokens: typeof limit === 'number' && limit < NO_LIMIT ? limit : null,
    special: { ...Object.fromEntries(special), ...specialTokens(isThere(map) ? readFields(map) : null, config) },
    problem: null,
  };
}

function object(value: unknown): Json {
  return typeof value === 'object' && value !== null && !Array.isArray(value) ? { ...value } : {};
}

/** Null for an unknown kind. */
export function kindOf({ model, pre_tokenizer: preTokenizer, decoder }: Json): Kind {
  const { type } = object(model);
  if (type === 'WordPiece' || type === 'Unigram') return type;
  if (type !== 'BPE') return null;
  return mentions(preTokenizer, 'ByteLevel') || mentions(decoder, 'ByteLevel') ? 'byte-level BPE' : 'BPE';
}

/** Whether a pre-tokenizer, decoder or normalizer has this type, or contains a step of this type. */
function mentions(value: unknown, type: string): boolean {
  if (Array.isArray(value)) return value.some((step) => mentions(step, type));
  const { type: own, ...rest } = object(value);
  return own === type || Object.values(rest).some((part) => typeof part === 'object' && mentions(part, type));
}

function lowercases(normalizer: unknown): boolean {
  return (
    mentions(normalizer, 'Lowercase') || (mentions(normalizer, 'BertNormalizer') && hasTrue(normalizer, 'lowercase'))
  );
}

function hasTrue(value: unknown, name: string): boolean {
  if (Array.isArray(value)) return value.some((part) => hasTrue(part, name));
  const fields = object(value);
  return fields[name] === true || Object.values(fields).some((part) => typeof part === 'object' && hasTrue(part, name));
}

/** Largest id plus one. Ids are dense except for removed tokens. */
function vocabularySize({ model, added_tokens: added }: Json): number {
  const { vocab } = object(model);
  let largest = Array.isArray(vocab) ? vocab.length - 1 : -1;
  for (const id of Object.values(object(vocab))) if (typeof id === 'number') largest = Math.max(largest, id);
  for (const token of Array.isArray(added) ? added : []) {
    const { id } = object(token);
    if (typeof id === 'number') largest = Math.max(largest, id);
  }
  return largest + 1;
}

function specialTokens(...sources: readonly (Fields | null)[]): Record<string, string> {
  const found: Record<string, string> = {};
  for (const source of sources) {
    for (const role of source?.names ?? []) {
      const value = source?.raw(role);
      const token = typeof value === 'string' ? value : object(value).content;
      if (/^(bos|eos|unk|sep|pad|cls|mask)_token$/.test(role) && typeof token === 'string') found[role] = token;
    }
  }
  return found;
}
