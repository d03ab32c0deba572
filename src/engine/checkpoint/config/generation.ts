import type { GenerationOverrides } from '../../../contract/generation.ts';
import type { Fields } from './fields.ts';
import { checkGenerationOptions, isGenerationOption } from './generation-options.ts';
import { createOptions, type Options } from './options.ts';

/** What every way of generating has to know, and all that greedy search inside the graph does. */
export interface GreedyGeneration {
  /** The decoder's first input; null for a model that continues its prompt. */
  readonly startToken: number | null;
  readonly padToken: number;
  /** Any of these ends a row. */
  readonly endTokens: readonly number[];
  /** Token that must come second, after the start token or a prompt of one token, or null. */
  readonly firstToken: number | null;
  /** Tokens of which the last step must give one if a row gets there, in ascending order; empty if it is free. */
  readonly lastTokens: readonly number[];
  /** Longest output in tokens, end token included. */
  readonly maxNewTokens: number;
}

/** Everything that decides what is generated, from a checkpoint and its caller. Names in brackets: transformers. */
export interface Generation extends GreedyGeneration {
  /** Longest prompt and output together; null where there is no prompt (`max_length`). */
  readonly maxLength: number | null;
  /** No end token before so many are generated (`min_new_tokens`). */
  readonly minNewTokens: number;
  /** No end token before prompt and output together have so many; 0 where there is no prompt (`min_length`). */
  readonly minLength: number;
  /** Divides a positive score of a token that was there already and multiplies a negative one (`repetition_penalty`). */
  readonly repetitionPenalty: number;
  /** N-grams of so many tokens come once at most; 0: no rule (`no_repeat_ngram_size`). */
  readonly noRepeatNgram: number;
  /** N-grams of so many tokens of the source are not copied; 0: no rule (`encoder_no_repeat_ngram_size`). */
  readonly encoderNoRepeatNgram: number;
  /** Token sequences that are never produced (`bad_words_ids`). */
  readonly badWords: readonly (readonly number[])[];
  /** Never produced (`suppress_tokens`). */
  readonly suppressed: readonly number[];
  /** Never produced as the first free token (`begin_suppress_tokens`). */
  readonly suppressedFirst: readonly number[];
  /** Outputs for a row (`num_return_sequences`). */
  readonly sequences: number;
  readonly search: GreedySearch | BeamSearch | Sampling;
}

export interface GreedySearch {
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
  /** Only so many of the best tokens; 0: all (`top_k`). */
  readonly topK: number;
  /** Only the best tokens that together have this probability (`top_p`). */
  readonly topP: number;
  readonly seed: number;
}

/** What generation may assume of a model. */
export interface GenerationLimits {
  readonly vocabulary: number;
  /** Positions of the decoder, Infinity where positions are relative. */
  readonly positions: number;
  /** The model continues its input instead of reading it with an encoder (default false). */
  readonly decoderOnly?: boolean;
}

/** transformers' default of `max_length`; with it, it generates that many tokens beside the prompt or start token. */
const DEFAULT_MAX_LENGTH = 20;

/**
 * Reads the generation options as `transformers.generate` does: those of `generation_config.json`; without that file,
 * those that older checkpoints keep in `config.json`, over the defaults of the architecture (`modelDefaults`).
 * An option that would change the result and is not implemented is refused, with its file and value; an option of the
 * caller's that would do nothing is refused too.
 *
 * @param source the fields of `generation_config.json`, or null
 * @param model the fields of `config.json`
 * @throws CheckpointError about the checkpoint's options, UsageError about the caller's
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
 * True if greedy search inside the graph gives what these options ask for.
 *
 * @param maxInputTokens longest input there will be
 */
export function isPlainGreedy(generation: Generation, maxInputTokens: number): boolean {
  return (
    generation.search.kind === 'greedy' &&
    (generation.maxLength === null || maxInputTokens + generation.maxNewTokens <= generation.maxLength) &&
    // Of a prompt only the one of a single token is followed by it, and the loop does not tell its rows apart.
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

/** The generation options among the fields of a `config.json`; null there means "not set". */
function fromModelConfig(model: Fields, defaults: Readonly<Record<string, number>>): Map<string, unknown> {
  const values = new Map<string, unknown>(Object.entries(defaults));
  for (const name of model.names) {
    if (isGenerationOption(name)) values.set(name, model.raw(name));
  }
  return values;
}

/** A limit given by the caller replaces the checkpoint's, under whichever name that has one. */
function longest(options: Options, { positions }: GenerationLimits, decoderOnly: boolean) {
  const total = options.integerOrNull('max_length', 1);
  const totalWins = options.isOverridden('max_length') && !options.isOverridden('max_new_tokens');
  const fresh = totalWins ? null : options.integerOrNull('max_new_tokens', 1);
  const isDefault = !totalWins && (total ?? DEFAULT_MAX_LENGTH) === DEFAULT_MAX_LENGTH;
  // The last token that is generated is never fed: prompt and output may be one longer than there are positions.
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
