import { CheckpointError } from '../../../contract/errors.ts';

/** Limit of growth from a text to its tokens and back. NFKC makes at most 18 characters of one; no useful step makes more. */
const MOST_GROWTH = 32;
const MOST_CONTENT = 32;
/** Limit for normalizers, pre-tokenizers, post-processors and decoders together. The longest chain that we know has 12. */
const MOST_STEPS = 100;
const MOST_PATTERN = 2_000;
const MOST_ADDED = 100_000;
const MOST_SPECIAL = 20_000;
/** Limit of a word for WordPiece, whose time grows with the square of the length. */
const MOST_WORD = 1_000;

/** One atom, repeated or not. Its time is proportional to the text. */
const ONE_ATOM = /^(?:\[[^\]\\]*\]|\\?[^()|[\]{}*+?])(?:[+*]|\{\d+(?:,\d*)?\})?$/u;
/** Published patterns that we have examined. The first one is GPT-2's. */
const KNOWN: ReadonlySet<string> = new Set([
  "'s|'t|'re|'ve|'m|'ll|'d| ?\\p{L}+| ?\\p{N}+| ?[^\\s\\p{L}\\p{N}]+|\\s+(?!\\S)|\\s+",
]);

type Json = Readonly<Record<string, unknown>>;

/**
 * Checks, from `tokenizer.json`, that a tokenizer does not multiply its input.
 *
 * @returns regular expressions that may take more than linear time; work with them needs a time limit
 * @throws CheckpointError
 */
export function checkTokenizer(file: string, tokenizer: Json, settings: Json): readonly string[] {
  const wrong = (what: string) => new CheckpointError(`${file}: ${what}`);
  const slow: string[] = [];
  let steps = 0;

  function bounded(value: unknown, name: string): void {
    if (typeof value === 'string' && value.length > MOST_CONTENT) {
      throw wrong(`a step of its tokenizer puts in ${value.length} characters (${name}); ${MOST_CONTENT} are the most`);
    }
  }
  function pattern(value: unknown): void {
    const source = object(value).Regex;
    if (typeof source !== 'string') return;
    if (source.length > MOST_PATTERN) {
      throw wrong(`a pattern of its tokenizer has ${source.length} characters; ${MOST_PATTERN} are the most`);
    }
    if (!ONE_ATOM.test(source) && !KNOWN.has(source)) slow.push(source);
  }
  function walk(value: unknown): void {
    if (Array.isArray(value)) {
      for (const item of value) walk(item);
      return;
    }
    if (typeof value !== 'object' || value === null) return;
    const step = object(value);
    if (typeof step.type === 'string' && ++steps > MOST_STEPS) {
      throw wrong(`its tokenizer has more than ${MOST_STEPS} steps`);
    }
    for (const name of ['content', 'prepend', 'replacement', 'prefix', 'suffix']) bounded(step[name], name);
    if (step.type === 'FixedLength' && !(Number.isSafeInteger(step.length) && Number(step.length) > 0)) {
      throw wrong(`its tokenizer cuts texts into pieces of ${JSON.stringify(step.length)} characters`);
    }
    if (step.type === 'TemplateProcessing') checkTemplate(step, wrong);
    pattern(step.pattern);
    for (const part of Object.values(step)) if (typeof part === 'object') walk(part);
  }

  const { normalizer, pre_tokenizer: preTokenizer, post_processor: postProcessor, decoder } = tokenizer;
  for (const part of [normalizer, preTokenizer, decoder]) walk(part);
  walkTemplates(postProcessor, walk);
  if (countOf(preTokenizer, 'Replace') > 2) throw wrong('its pre-tokenizer replaces more than twice');
  const { type, max_input_chars_per_word: word } = object(tokenizer.model);
  if (type === 'WordPiece' && typeof word === 'number' && word > MOST_WORD) {
    throw wrong(`max_input_chars_per_word is ${word}; ${MOST_WORD} is the most that can be read`);
  }
  atMost(tokenizer.added_tokens, MOST_ADDED, 'added tokens', wrong);
  atMost(settings.additional_special_tokens, MOST_SPECIAL, 'special tokens', wrong);
  return slow;
}

function object(value: unknown): Json {
  return typeof value === 'object' && value !== null && !Array.isArray(value) ? (value as Json) : {};
}

function atMost(list: unknown, most: number, what: string, wrong: (what: string) => CheckpointError): void {
  if (Array.isArray(list) && list.length > most) {
    throw wrong(`it has ${list.length} ${what}; ${most} are the most that can be read`);
  }
}

/** Special tokens in a template are names. Their length is bounded in the vocabulary. */
function walkTemplates(value: unknown, walk: (value: unknown) => void): void {
  const { type, processors } = object(value);
  if (type === 'TemplateProcessing') walk({ type, ...pick(object(value)) });
  else if (type === 'Sequence' && Array.isArray(processors)) {
    walk({ type });
    for (const processor of processors) walkTemplates(processor, walk);
  } else walk({ type });
}

function pick({ single, pair }: Json): Json {
  return { single, pair };
}

/** The text once, and a few tokens around it. */
function checkTemplate({ single }: Json, wrong: (what: string) => CheckpointError): void {
  const parts = Array.isArray(single) ? single : [];
  const texts = parts.filter((part) => 'Sequence' in object(part)).length;
  if (texts > 1 || parts.length > MOST_STEPS) {
    throw wrong(`the template of its tokenizer has ${parts.length} parts, and the text ${texts} times in it`);
  }
}

function countOf(value: unknown, type: string): number {
  if (typeof value !== 'object' || value === null) return 0;
  const own = object(value).type === type ? 1 : 0;
  return Object.values(value).reduce<number>((sum, part) => sum + countOf(part, type), own);
}

/** Parts of the library's tokenizer that map strings to strings. */
interface Normalizing {
  readonly normalizers?: readonly (Normalizing | null)[];
  normalize(text: string): string;
}

export interface Decoding {
  readonly decoders?: readonly (Decoding | null)[];
  decode_chain(tokens: string[]): string[];
}

/** Bounds the output of all normalizers together. */
export function boundNormalizer(file: string, root: Normalizing | null): void {
  let most = 0;
  const bound = (step: Normalizing): void => {
    const normalize = step.normalize.bind(step);
    step.normalize = (text) => within(file, most, normalize(text), (made) => made.length);
    for (const inner of step.normalizers ?? []) if (inner !== null) bound(inner);
  };
  if (root === null) return;
  bound(root);
  const whole = root.normalize.bind(root);
  root.normalize = (text) => {
    most = limitFor(text.length);
    return whole(text);
  };
}

export function boundDecoder(file: string, root: Decoding | null): void {
  let most = 0;
  const lengthOf = (tokens: readonly string[]): number => tokens.reduce((sum, token) => sum + token.length, 0);
  const bound = (step: Decoding): void => {
    const decode = step.decode_chain.bind(step);
    step.decode_chain = (tokens) => within(file, most, decode(tokens), lengthOf);
    for (const inner of step.decoders ?? []) if (inner !== null) bound(inner);
  };
  if (root === null) return;
  bound(root);
  const whole = root.decode_chain.bind(root);
  root.decode_chain = (tokens) => {
    most = limitFor(lengthOf(tokens));
    return whole(tokens);
  };
}

function limitFor(length: number): number {
  return MOST_GROWTH * length + 1_000;
}

function within<T>(file: string, most: number, made: T, lengthOf: (made: T) => number): T {
  if (lengthOf(made) <= most) return made;
  throw new CheckpointError(`${file}: its tokenizer makes more than ${MOST_GROWTH} characters of each one of a text`);
}
