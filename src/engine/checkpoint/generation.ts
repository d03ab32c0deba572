import { UsageError } from '../../contract/errors.ts';
import { createFields, type Fields } from './fields.ts';

/** What greedy generation needs to know, from a checkpoint and its caller. */
export interface Generation {
  /** The decoder's first input. */
  readonly startToken: number;
  readonly padToken: number;
  /** Any of these ends a row. */
  readonly endTokens: readonly number[];
  /** Token that the first step must give, or null. */
  readonly firstToken: number | null;
  /** Token that the last step must give if a row gets there, or null. */
  readonly lastToken: number | null;
  /** Longest output in tokens, end token included. */
  readonly maxNewTokens: number;
}

/** Generation options under their Hugging Face names; they win over those of the checkpoint. */
export type GenerationOverrides = Readonly<Record<string, number | boolean | null>>;

/** Options that decide nothing for greedy search: sampling, beams, outputs and caches. */
const WITHOUT_EFFECT: ReadonlySet<string> = new Set([
  '_from_model_config', 'transformers_version', 'use_cache', 'cache_implementation', 'cache_config', 'low_memory',
  'return_legacy_cache', 'prefill_chunk_size', 'compile_config', 'disable_compile', 'early_stopping', 'length_penalty',
  'temperature', 'top_k', 'top_p', 'min_p', 'typical_p', 'epsilon_cutoff', 'eta_cutoff', 'renormalize_logits',
  'output_attentions', 'output_hidden_states', 'output_scores', 'output_logits', 'return_dict_in_generate',
  'num_assistant_tokens', 'num_assistant_tokens_schedule', 'assistant_confidence_threshold', 'assistant_early_exit',
  'assistant_lookbehind', 'target_lookbehind', 'max_matching_ngram_size', 'remove_invalid_values',
]); // biome-ignore format: a list

/** Options that change greedy search and are not implemented, with the values at which they do nothing. */
const NEUTRAL: Readonly<Record<string, readonly unknown[]>> = {
  num_beams: [1],
  num_beam_groups: [1],
  diversity_penalty: [0],
  num_return_sequences: [1],
  do_sample: [false],
  min_length: [0, 1],
  min_new_tokens: [0],
  no_repeat_ngram_size: [0],
  encoder_no_repeat_ngram_size: [0],
  repetition_penalty: [1],
  encoder_repetition_penalty: [1],
  guidance_scale: [1],
  token_healing: [false],
  max_time: [],
  stop_strings: [],
  bad_words_ids: [],
  force_words_ids: [],
  constraints: [],
  sequence_bias: [],
  suppress_tokens: [],
  begin_suppress_tokens: [],
  forced_decoder_ids: [],
  exponential_decay_length_penalty: [],
  penalty_alpha: [0],
  dola_layers: [],
  prompt_lookup_num_tokens: [],
  watermarking_config: [],
};

const UNDERSTOOD: ReadonlySet<string> = new Set([
  'bos_token_id', 'eos_token_id', 'pad_token_id', 'decoder_start_token_id', 'forced_bos_token_id',
  'forced_eos_token_id', 'max_length', 'max_new_tokens',
]); // biome-ignore format: a list

/** transformers' own default of `max_length`, decoder start token included. */
const DEFAULT_MAX_LENGTH = 20;

/**
 * Reads the generation options as `transformers.generate` does: those of `generation_config.json`; without that file,
 * those that older checkpoints keep in `config.json`, over the defaults of the architecture (`modelDefaults`).
 * An option that would change the result and is not implemented is refused, with its file and value.
 *
 * @param source the fields of `generation_config.json`, or null
 * @param model the fields of `config.json`
 * @param limits vocabulary and positions of the decoder
 */
export function readGeneration(
  source: Fields | null,
  model: Fields,
  modelDefaults: Readonly<Record<string, number>>,
  overrides: GenerationOverrides,
  limits: { readonly vocabulary: number; readonly positions: number },
): Generation {
  const fields = merge(source ?? fromModelConfig(model, modelDefaults), overrides);
  for (const name of fields.names) checkOption(fields, name, overrides);

  const token = (name: string, value: number): number => {
    if (value < 0 || value >= limits.vocabulary) {
      throw fields.error(`${name} is ${value}, but the vocabulary has ${limits.vocabulary} tokens`);
    }
    return value;
  };
  const one = (name: string): number | null => {
    const value = fields.integerOrNull(name);
    return value === null ? null : token(name, value);
  };

  const startToken = one('decoder_start_token_id') ?? one('bos_token_id');
  if (startToken === null) throw fields.error('neither decoder_start_token_id nor bos_token_id is set');
  const endTokens = fields.integers('eos_token_id').map((id) => token('eos_token_id', id));
  const padToken = one('pad_token_id') ?? endTokens[0];
  if (padToken === undefined) throw fields.error('neither pad_token_id nor eos_token_id is set');
  const forcedEnd = fields.integers('forced_eos_token_id').map((id) => token('forced_eos_token_id', id));

  const maxNewTokens = fields.integerOrNull('max_new_tokens') ?? fields.integer('max_length', DEFAULT_MAX_LENGTH) - 1;
  if (maxNewTokens < 1 || maxNewTokens > limits.positions) {
    const message = `${maxNewTokens} new tokens are asked for; between 1 and the decoder's ${limits.positions} positions are possible`;
    const asked = 'max_new_tokens' in overrides || 'max_length' in overrides;
    throw asked ? new UsageError(message) : fields.error(message);
  }
  return {
    startToken,
    padToken,
    endTokens,
    firstToken: one('forced_bos_token_id'),
    // Of several forced ends all have the same score, and greedy search takes the first.
    lastToken: forcedEnd.length > 0 ? Math.min(...forcedEnd) : null,
    maxNewTokens,
  };
}

/** The generation options among the fields of a `config.json`; null there means "not set". */
function fromModelConfig(model: Fields, defaults: Readonly<Record<string, number>>): Fields {
  const values = new Map<string, unknown>(Object.entries(defaults));
  for (const name of model.names) {
    if (name in NEUTRAL || UNDERSTOOD.has(name)) values.set(name, model.raw(name));
  }
  return createFields(model.file, values);
}

function merge(fields: Fields, overrides: GenerationOverrides): Fields {
  const values = new Map(fields.names.map((name) => [name, fields.raw(name)]));
  for (const [name, value] of Object.entries(overrides)) values.set(name, value);
  // A limit given by the caller replaces the checkpoint's, under whichever name that has one.
  if (overrides.max_length !== undefined && overrides.max_new_tokens === undefined) values.delete('max_new_tokens');
  return createFields(fields.file, values);
}

function checkOption(fields: Fields, name: string, overrides: GenerationOverrides): void {
  if (UNDERSTOOD.has(name) || WITHOUT_EFFECT.has(name)) return;
  const value = fields.raw(name);
  const neutral = NEUTRAL[name];
  if (neutral && (value == null || neutral.includes(value))) return;
  const shown = `${name} = ${JSON.stringify(value)}`;
  if (name in overrides) throw new UsageError(`the generation option ${shown} is not implemented`);
  if (!neutral && value == null) return;
  throw fields.error(
    neutral
      ? `${shown} changes the result and is not implemented: override it with ${JSON.stringify(neutral[0] ?? null)} for plain greedy search`
      : `${shown} is not a known generation option`,
  );
}
