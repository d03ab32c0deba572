import { existsSync } from 'node:fs';
import { join } from 'node:path';
import type { TokenizerFacts } from '../../contract/inspection.ts';
import { type Fields, readFields } from '../checkpoint/fields.ts';

type Kind = TokenizerFacts['kind'];

/** What transformers takes for a model type whose tokenizer is not on disk (models/auto/tokenization_auto.py). */
const BY_MODEL_TYPE: Readonly<Record<string, Kind>> = {
  bart: 'byte-level BPE',
  roberta: 'byte-level BPE',
  gpt2: 'byte-level BPE',
  bert: 'WordPiece',
  t5: 'Unigram',
};

/** Files of tokenizers without `tokenizer.json`, and what they hold. */
const OLDER_FILES: readonly (readonly [file: string, kind: Kind])[] = [
  ['merges.txt', 'byte-level BPE'],
  ['vocab.txt', 'WordPiece'],
  ['spiece.model', 'Unigram'],
];

/** transformers writes this, or more, for "no limit". */
const NO_LIMIT = 1e15;

/** @param folder null where only the config is known */
export function tokenizerFacts(folder: string | null, modelType: string | null): TokenizerFacts {
  const read = (file: string): Fields | null =>
    folder !== null && existsSync(join(folder, file)) ? readFields(join(folder, file)) : null;
  const config = read('tokenizer_config.json');
  const special = specialTokens(config, read('special_tokens_map.json'));
  const limit = config?.raw('model_max_length');
  const maxTokens = typeof limit === 'number' && limit < NO_LIMIT ? limit : null;
  const tokenizer = read('tokenizer.json');
  if (tokenizer !== null) {
    const model = object(tokenizer.raw('model'));
    return {
      kind: kindOf(tokenizer, model),
      file: 'tokenizer.json',
      vocabulary: vocabularySize(tokenizer, model),
      lowercases: lowercases(tokenizer.raw('normalizer')),
      maxTokens,
      special,
    };
  }
  const [file = null, kind = null] =
    OLDER_FILES.find(([name]) => folder !== null && existsSync(join(folder, name))) ?? [];
  return {
    kind: kind ?? BY_MODEL_TYPE[modelType ?? ''] ?? null,
    file,
    vocabulary: null,
    lowercases: null,
    maxTokens,
    special,
  };
}

function object(value: unknown): Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null && !Array.isArray(value) ? { ...value } : {};
}

function kindOf(tokenizer: Fields, { type }: Readonly<Record<string, unknown>>): Kind {
  if (type === 'WordPiece' || type === 'Unigram') return type;
  if (type !== 'BPE') return null;
  return mentions(tokenizer.raw('pre_tokenizer'), 'ByteLevel') || mentions(tokenizer.raw('decoder'), 'ByteLevel')
    ? 'byte-level BPE'
    : 'BPE';
}

/** Whether a pre-tokenizer, decoder or normalizer is, or has among its steps, one of this type. */
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

/** Largest id and one: ids are dense but for the places of removed tokens. */
function vocabularySize(tokenizer: Fields, { vocab }: Readonly<Record<string, unknown>>): number {
  let largest = Array.isArray(vocab) ? vocab.length - 1 : -1;
  for (const id of Object.values(object(vocab))) if (typeof id === 'number') largest = Math.max(largest, id);
  const added = tokenizer.raw('added_tokens');
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
