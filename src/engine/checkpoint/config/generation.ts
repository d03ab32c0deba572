import type { GenerationOverrides } from '../../../contract/generation.ts';
import type { Fields } from './fields.ts';
import { checkGenerationOptions, isGenerationOption } from './generation-options.ts';
import { createOptions, type Options } from './options.ts';

/** The options that every search needs. Greedy search inside the graph needs nothing else. */
export interface GreedyGeneration {
  /** First input of the decoder; null for a model that continues its prompt. */
  readonly startToken: number | null;
  readonly padToken: number;
  /** Any of these ends a row. */
  readonly endTokens: readonly number[];
  /** Token that must come second, after the start token or a prompt of one token; null for none. */
  readonly firstToken: number | null;
  /** If a row reaches the last step, it must generate one of these tokens, in ascending order; empty for no rule. */
  readonly lastTokens: readonly number[];
  /** Longest output in tokens, end token included. */
  readonly maxNewTokens: number;
}

/**
 * All options that decide what is generated, from the checkpoint and the caller. Names in brackets are those of transformers.
 */
export interface Generation extends GreedyGeneration {
  /** Longest prompt and output together; null for a model without a prompt (`max_length`). */
  readonly maxLength: number | null;
  /** Least number of tokens before an end token (`min_new_tokens`). */
  readonly minNewTokens: number;
  /** Least number of tokens in prompt and output before an end token; 0 for a model without a prompt (`min_length`). */
  readonly minLength: number;
  /**
   * Factor for tokens that already occurred: it divides a positive score and multiplies a negative one
   * (`repetition_penalty`).
   */
  readonly repetitionPenalty: number;
  /** N-grams of this many tokens occur at most once; 0: no rule (`no_repeat_ngram_size`). */
  readonly noRepeatNgram: number;
  /** N-grams of this many tokens are not copied from the source; 0: no rule (`encoder_no_repeat_ngram_size`). */
  readonly encoderNoRepeatNgram: number;
  /** Token sequences that are never produced (`bad_words_ids`). */
  readonly badWords: readonly (readonly number[])[];
  /** Never produced (`suppress_tokens`). */
  readonly suppressed: readonly number[];
  /** Never produced as the first free token (`begin_suppress_tokens`). */
  readonly suppressedFirst: readonly number[];
  /** Outputs per row (`num_return_sequences`). */
  readonly sequences: number;
  readonly search: GreedySearch | BeamSearch | Sampling;
}

interface GreedySearch {
  readonly kind: 'greedy';
}

export interface BeamSearch {
  readonly kind: 'beam';
  /** `num_beams` */
  readonly beams: number;
  /** The sum of log-probabilities is divided by length to the power of this (`length_penalty`). */
  readonly lengthPenalty: number;
  readonly earlyStopping: boolean | 'never';
}

export interface Sampling {
  readonly kind: 'sample';
  readonly temperature: number;
  /** Keep only this many of the best tokens; 0: all (`top_k`). */
  readonly topK: number;
  /** Keep only the best tokens that together have this probability (`top_p`). */
  readonly topP: number;
  readonly seed: number;
}

/** What generation needs to know about a model. */
interface GenerationLimits {
  readonly vocabulary: number;
  /** Positions of the decoder, Infinity where positions are relative. */
  readonly positions: number;
  /** The model continues its input instead of reading it with an encoder (default false). */
  readonly decoderOnly?: boolean;
}

/**
 * Default of `max_length` in transformers. With the default, transformers generates this many tokens after the prompt or
 * start token.
 */
const DEFAULT_MAX_LENGTH = 20;

/**
 * Reads the generation options as `transformers.generate` does: from `generation_config.json`. Without that file, it takes
 * those that older checkpoints have in `config.json`, over the defaults of the architecture (`modelDefaults`).
 * An option that would change the result but is not implemented is refused with its file and value. An option of the caller
 * without effect is refused, too.
 *
 * @param source the fields of `generation_config.json`, or null
 * @param model the fields of `config.json`
 * @throws CheckpointError about the checkpoint's options, UsageError about the caller's options
 */
export function readGeneration(
  source: Fields | null,
  model: Fields,
  modelDefaults: Readonly<Record<string, number>>,
  overrides: GenerationOverrides,
  limits: GenerationLimits,
): Generation {
  const options = createOptions(
    source ? source.file : model.file,
    source ? valuesOf(source) : fromModelConfig(model, modelDefaults),
    overrides,
    limits.vocabulary,
  );
  checkGenerationOptions(options);

  const decoderOnly = limits.decoderOnly ?? false;
  const startToken = decoderOnly ? null : (options.token('decoder_start_token_id') ?? options.token('bos_token_id'));
  if (startToken === null && !decoderOnly) {
    throw options.error('decoder_start_token_id', 'neither decoder_start_token_id nor bos_token_id is set');
  }
  const endTokens = options.tokens('eos_token_id');
  const padToken = options.token('pad_token_id') ?? endTokens[0];
  if (padToken === undefined) throw options.error('pad_token_id', 'neither pad_token_id nor eos_token_id is set');

  const generation: Generation = {
    startToken,
    padToken,
    endTokens,
    firstToken: options.token('forced_bos_token_id'),
    lastTokens: [...options.tokens('forced_eos_token_id')].sort((a, b) => a - b),
    ...longest(options, limits, decoderOnly),
    ...shortest(options, decoderOnly),
    repetitionPenalty: options.number('repetition_penalty', 1, { above: 0 }),
    noRepeatNgram: options.integer('no_repeat_ngram_size', 0, 0),
    encoderNoRepeatNgram: options.integer('encoder_no_repeat_ngram_size', 0, 0),
    badWords: options
      .tokenLists('bad_words_ids')
      .filter((word) => word.length > 1 || !endTokens.includes(word[0] ?? -1)),
    suppressed: options.tokens('suppress_tokens'),
    suppressedFirst: options.tokens('begin_suppress_tokens'),
    sequences: options.integer('num_return_sequences', 1, 1),
    search: readSearch(options),
  };
  checkTogether(options, generation);
  return generation;
}

/**
 * Whether greedy search inside the graph gives what these options ask for.
 *
 * @param maxInputTokens length of the longest input
 */
export function isPlainGreedy(generation: Generation, maxInputTokens: number): boolean {
  return (
    generation.search.kind === 'greedy' &&
    (generation.maxLength === null || maxInputTokens + generation.maxNewTokens <= generation.maxLength) &&
    // The rule applies only after a prompt of a single token, and the loop does not distinguish its rows.
    (generation.firstToken === null || generation.maxLength === null) &&
    generation.minNewTokens === 0 &&
    generation.minLength === 0 &&
    generation.repetitionPenalty === 1 &&
    generation.noRepeatNgram === 0 &&
    generation.encoderNoRepeatNgram === 0 &&
    generation.badWords.length === 0 &&
    generation.suppressed.length === 0 &&
    generation.suppressedFirst.length === 0
  );
}

function valuesOf(fields: Fields): Map<string, unknown> {
  return new Map(fields.names.map((name) => [name, fields.raw(name)]));
}

/** The generation options among the fields of a `config.json`. Null there means "not set". */
function fromModelConfig(model: Fields, defaults: Readonly<Record<string, number>>): Map<string, unknown> {
  const values = new Map<string, unknown>(Object.entries(defaults));
  for (const name of model.names) {
    if (isGenerationOption(name)) values.set(name, model.raw(name));
  }
  return values;
}

/** A limit from the caller replaces the checkpoint's limit, under either name. */
function longest(options: Options, { positions }: GenerationLimits, decoderOnly: boolean) {
  const total = options.integerOrNull('max_length', 1);
  const totalWins = options.isOverridden('max_length') && !options.isOverridden('max_new_tokens');
  const fresh = totalWins ? null : options.integerOrNull('max_new_tokens', 1);
  const isDefault = !totalWins && (total ?? DEFAULT_MAX_LENGTH) === DEFAULT_MAX_LENGTH;
  // The last generated token is never an input. So prompt and output together may be one token longer than the positions.
  const window = positions + 1;
  let maxLength = window;
  let maxNewTokens: number;
  if (fresh !== null) {
    maxNewTokens = fresh;
  } else if (isDefault) {
    maxLength = positions;
    maxNewTokens = decoderOnly ? DEFAULT_MAX_LENGTH : Math.min(DEFAULT_MAX_LENGTH, positions - 1);
  } else {
    maxLength = Math.min(total ?? DEFAULT_MAX_LENGTH, window);
    maxNewTokens = (total ?? DEFAULT_MAX_LENGTH) - 1;
  }
  if (maxNewTokens < 1 || maxNewTokens > positions) {
    const name = fresh === null ? 'max_length' : 'max_new_tokens';
    const message = `${maxNewTokens} new tokens are asked for; between 1 and the decoder's ${positions} positions are possible`;
    throw options.error(name, message);
  }
  return { maxNewTokens, maxLength: decoderOnly ? maxLength : null };
}

function shortest(options: Options, decoderOnly: boolean) {
  const total = options.integer('min_length', 0, 0);
  const totalWins = options.isOverridden('min_length') && !options.isOverridden('min_new_tokens');
  const fresh = totalWins ? null : options.integerOrNull('min_new_tokens', 0);
  if (fresh !== null) return { minNewTokens: fresh, minLength: 0 };
  if (decoderOnly) return { minNewTokens: 0, minLength: total };
  return { minNewTokens: Math.max(0, total - 1), minLength: 0 };
}

function readSearch(options: Options): Generation['search'] {
  const beams = options.integer('num_beams', 1, 1);
  const sampling = options.boolean('do_sample', false);
  if (sampling && beams > 1) {
    throw options.error(
      ['do_sample', 'num_beams'],
      'do_sample and num_beams > 1 together are not implemented: ask for one of them',
    );
  }
  if (sampling) {
    return {
      kind: 'sample',
      temperature: options.number('temperature', 1, { above: 0 }),
      topK: options.integer('top_k', 50, 0),
      topP: options.number('top_p', 1, { least: 0, most: 1 }),
      seed: options.integer('seed', 0, 0),
    };
  }
  if (beams === 1) return { kind: 'greedy' };
  const earlyStopping = options.raw('early_stopping') ?? false;
  if (typeof earlyStopping !== 'boolean' && earlyStopping !== 'never') {
    throw options.error(
      'early_stopping',
      `early_stopping is ${JSON.stringify(earlyStopping)}; true, false and "never" are possible`,
    );
  }
  return { kind: 'beam', beams, lengthPenalty: options.number('length_penalty', 1), earlyStopping };
}

function checkTogether(options: Options, generation: Generation): void {
  const { search, sequences } = generation;
  if (search.kind === 'greedy' && sequences > 1) {
    throw options.error(
      ['num_return_sequences', 'num_beams', 'do_sample'],
      'num_return_sequences > 1 needs num_beams > 1 or do_sample',
    );
  }
  if (search.kind === 'beam' && sequences > search.beams) {
    throw options.error(
      ['num_return_sequences', 'num_beams'],
      `num_return_sequences (${sequences}) must not be larger than num_beams (${search.beams})`,
    );
  }
  const least = generation.minNewTokens;
  if (least > generation.maxNewTokens) {
    throw options.error(
      ['min_length', 'min_new_tokens', 'max_length', 'max_new_tokens'],
      `at least ${least} new tokens are asked for, but at most ${generation.maxNewTokens} are allowed: lower min_length or raise max_new_tokens`,
    );
  }
  const suppressed = new Set(generation.suppressed);
  const forced = [...(generation.firstToken === null ? [] : [generation.firstToken]), ...generation.lastTokens];
  const contradiction = forced.find((token) => suppressed.has(token));
  if (contradiction !== undefined) {
    throw options.error(
      ['suppress_tokens', 'forced_bos_token_id', 'forced_eos_token_id'],
      `token ${contradiction} is both forced and suppressed`,
    );
  }
}
