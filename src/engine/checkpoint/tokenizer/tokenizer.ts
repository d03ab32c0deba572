import { Script } from 'node:vm';
import { Tokenizer as HuggingFaceTokenizer } from '@huggingface/tokenizers';
import { CheckpointError, errorCode } from '../../../contract/errors.ts';
import type { Fields } from '../config/fields.ts';
import { createCharsmap } from './charsmap.ts';
import { boundDecoder, boundNormalizer, checkTokenizer, type Decoding } from './tokenizer-bounds.ts';
import { readTokenizerFiles, type TokenizerFiles } from './tokenizer-files.ts';

export interface Tokenizer {
  /** Longest input that the tokenizer's own config allows, special tokens included; null if it sets no limit. */
  readonly maxTokens: number | null;
  /** Token ids with special tokens. The end of a longer text is cut off, as in transformers; the closing token stays. */
  encode(text: string, maxTokens: number): number[];
  /** Number of tokens before truncation, special tokens included. */
  count(text: string): number;
  /** The text of generated ids, without special tokens. */
  decode(ids: readonly number[]): string;
}

/** transformers writes this number, or a larger one, for "no limit". */
const NO_LIMIT = 1e15;

/**
 * Loads `tokenizer.json`, or the files that older checkpoints have instead, and `tokenizer_config.json` if there is one. Ids
 * are those of transformers' fast tokenizers.
 *
 * @param vocabulary rows of the model's embedding table: a tokenizer with more tokens belongs to another model
 */
export function loadTokenizer(folder: string, vocabulary: number): Tokenizer {
  const files = readTokenizerFiles(folder);
  const { config } = files;
  if (config.string('truncation_side', 'right') !== 'right') {
    throw config.error('truncation_side is "left"; only truncation of the end is implemented');
  }
  const tokenizer = parseTokenizer(files);
  let largest = -1;
  for (const id of tokenizer.get_vocab(true).values()) largest = Math.max(largest, id);
  if (largest >= vocabulary) {
    throw config.error(`the tokenizer has token ${largest}, but the model's vocabulary ends at ${vocabulary - 1}`);
  }
  const { before, after } = specialTokens(tokenizer, files.file);

  return {
    maxTokens: readLimit(config),
    encode(text, maxTokens) {
      const { ids } = tokenizer.encode(text);
      if (ids.length <= maxTokens) return ids;
      const closing = ids.slice(ids.length - after);
      return [...ids.slice(0, Math.max(before, maxTokens - after)), ...closing];
    },
    count: (text) => tokenizer.encode(text).ids.length,
    // Without `clean_up_tokenization_spaces`, which would turn "you , please" into "you, please".
    decode: (ids) =>
      ids.length === 0
        ? ''
        : tokenizer.decode([...ids], { skip_special_tokens: true, clean_up_tokenization_spaces: false }),
  };
}

/** The largest vocabularies take a second or two. */
const LOAD_MS = 60_000;
/** Per text, and per character of a text: a hundred times the time of a published tokenizer. */
const TEXT_MS = 2_000;
const CHARACTER_MS = 0.02;

/**
 * The library's tokenizer with corrections and a time limit, since a checkpoint's settings could make it run for ever.
 *
 * @throws CheckpointError, also from its methods, if a text takes too long or grows too much
 */
export function parseTokenizer({ file, tokenizer, config, special }: TokenizerFiles): ParsedTokenizer {
  const settings = Object.fromEntries([...special, ...config.names.map((name) => [name, config.raw(name)] as const)]);
  const slow = checkTokenizer(file, tokenizer, settings);
  try {
    return withinTime(
      LOAD_MS,
      () => load(file, tokenizer, settings, slow),
      () => late(file, slow, LOAD_MS),
    );
  } catch (cause) {
    if (cause instanceof CheckpointError) throw cause;
    throw new CheckpointError(`${file} is not a tokenizer that can be loaded`, { cause });
  }
}

function load(
  file: string,
  tokenizer: TokenizerFiles['tokenizer'],
  settings: Readonly<Record<string, unknown>>,
  slow: readonly string[],
): HuggingFaceTokenizer {
  const parsed = new HuggingFaceTokenizer(tokenizer, settings);
  correct(file, parsed.normalizer);
  boundNormalizer(file, parsed.normalizer);
  boundDecoder(file, parsed.decoder as unknown as Decoding | null);
  // A time limit costs as much as many short texts do, so it is set only where it is needed.
  if (slow.length === 0) return parsed;
  const methods: Methods = parsed;
  const encode = methods.encode.bind(parsed);
  const decode = methods.decode.bind(parsed);
  const limited = <T>(size: number, work: () => T): T => {
    const limitMs = TEXT_MS + CHARACTER_MS * size;
    return withinTime(limitMs, work, () => late(file, slow, limitMs));
  };
  methods.encode = (text, options) => limited(text.length, () => encode(text, options));
  methods.decode = (ids, options) => limited(ids.length, () => decode(ids, options));
  return parsed;
}

/** What we use of the library's tokenizer. The types of the library do not resolve under `nodenext`. */
interface ParsedTokenizer extends Methods {
  get_vocab(withAdded: boolean): Map<string, number>;
}

/** The methods of the library's tokenizer that we use, without overloads. */
interface Methods {
  encode(text: string, options?: object): { ids: number[] };
  decode(ids: number[], options?: object): string;
}

function late(file: string, slow: readonly string[], limitMs: number): CheckpointError {
  const patterns = slow.map((pattern) => JSON.stringify(pattern.slice(0, 200))).join(', ');
  return new CheckpointError(
    `${file}: its tokenizer takes more than ${Math.round(limitMs / 1000)} s` +
      (patterns === '' ? '' : `: a pattern of it may have no bound in time (${patterns})`),
  );
}

/** A normalizer of the library: a sequence, one with the table of a SentencePiece model, or another one. */
interface Normalizer {
  readonly config: { readonly type?: string; readonly strip_left?: boolean; readonly strip_right?: boolean };
  readonly normalizers?: readonly (Normalizer | null)[];
  readonly charsmap?: unknown;
  normalize(text: string): string;
}

/**
 * Corrects two approximations of the library: it replaces the table of a SentencePiece model by NFKC and a list of its own.
 * And it strips what JavaScript calls white space (with U+FEFF, without U+0085) instead of Unicode's white space.
 */
function correct(file: string, normalizer: Normalizer | null): void {
  if (normalizer === null) return;
  for (const step of normalizer.normalizers ?? []) correct(file, step);
  if (typeof normalizer.charsmap === 'string') {
    normalizer.normalize = createCharsmap(file, Buffer.from(normalizer.charsmap, 'base64'));
  }
  const { type, strip_left: left, strip_right: right } = normalizer.config;
  if (type === 'Strip') {
    normalizer.normalize = (text) => strip(text, left ?? false, right ?? false);
  }
}

/** Without a regular expression: a pattern for the end of a text takes quadratic time on a run of spaces. */
function strip(text: string, left: boolean, right: boolean): string {
  let start = 0;
  let end = text.length;
  while (left && start < end && isSpace(text, start)) start++;
  while (right && end > start && isSpace(text, end - 1)) end--;
  return text.slice(start, end);
}

function isSpace(text: string, at: number): boolean {
  return /^\p{White_Space}$/u.test(text.charAt(at));
}

function readLimit(config: Fields): number | null {
  const value = config.raw('model_max_length');
  return typeof value === 'number' && value < NO_LIMIT ? value : null;
}

/** Number of special tokens that the tokenizer puts before and after a text. */
function specialTokens(tokenizer: ParsedTokenizer, file: string): { before: number; after: number } {
  const plain = tokenizer.encode('a', { add_special_tokens: false }).ids;
  const { ids } = tokenizer.encode('a');
  for (let before = 0; before + plain.length <= ids.length; before++) {
    if (plain.every((id: number, i: number) => id === ids[before + i]))
      return { before, after: ids.length - before - plain.length };
  }
  throw new CheckpointError(`${file}: the tokens of a text do not appear among those with special tokens`);
}

/** Where the script finds its work. The time limit covers what the script calls, but not a function that it returns. */
const SLOT = 'detoxq.work';
const slots = globalThis as unknown as Record<symbol, (() => void) | undefined>;
const script = new Script(`globalThis[Symbol.for('${SLOT}')]()`);

/**
 * Runs synchronous work and stops it after a time limit, even inside a regular expression. It costs about 0.1 ms.
 *
 * @param late makes the error for work that exceeds the limit
 */
export function withinTime<T>(limitMs: number, work: () => T, late: () => Error): T {
  const key = Symbol.for(SLOT);
  const outer = slots[key];
  const result: T[] = [];
  slots[key] = () => {
    result.push(work());
  };
  try {
    script.runInThisContext({ timeout: Math.ceil(limitMs) });
  } catch (error) {
    if (errorCode(error) === 'ERR_SCRIPT_EXECUTION_TIMEOUT') throw late();
    throw error;
  } finally {
    slots[key] = outer;
  }
  const [value] = result;
  return value as T;
}
