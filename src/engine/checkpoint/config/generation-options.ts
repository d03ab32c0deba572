import type { Options } from './options.ts';

/** Options that do not change the tokens of any search here: outputs, caches, assistants. */
const WITHOUT_EFFECT: ReadonlySet<string> = new Set([
  '_from_model_config', 'transformers_version', 'use_cache', 'cache_implementation', 'cache_config', 'low_memory',
  'return_legacy_cache', 'prefill_chunk_size', 'compile_config', 'disable_compile', 'output_attentions',
  'output_hidden_states', 'output_scores', 'output_logits', 'return_dict_in_generate', 'is_assistant',
  'num_assistant_tokens', 'num_assistant_tokens_schedule', 'assistant_confidence_threshold', 'assistant_early_exit',
  'assistant_lookbehind', 'target_lookbehind', 'max_matching_ngram_size', 'remove_invalid_values',
]); // biome-ignore format: a list

/** Options that are implemented. */
const UNDERSTOOD: ReadonlySet<string> = new Set([
  'bos_token_id', 'eos_token_id', 'pad_token_id', 'decoder_start_token_id', 'forced_bos_token_id',
  'forced_eos_token_id', 'max_length', 'max_new_tokens', 'min_length', 'min_new_tokens', 'num_beams', 'length_penalty',
  'early_stopping', 'num_return_sequences', 'no_repeat_ngram_size', 'encoder_no_repeat_ngram_size',
  'repetition_penalty', 'bad_words_ids', 'suppress_tokens', 'begin_suppress_tokens', 'do_sample', 'temperature',
  'top_k', 'top_p',
]); // biome-ignore format: a list

/** Options that are not implemented, with the values at which they have no effect. */
const NEUTRAL: Readonly<Record<string, readonly unknown[]>> = {
  num_beam_groups: [1],
  diversity_penalty: [0],
  encoder_repetition_penalty: [1],
  guidance_scale: [1],
  token_healing: [false],
  max_time: [],
  stop_strings: [],
  force_words_ids: [],
  constraints: [],
  sequence_bias: [],
  forced_decoder_ids: [],
  exponential_decay_length_penalty: [],
  penalty_alpha: [0],
  dola_layers: [],
  prompt_lookup_num_tokens: [],
  watermarking_config: [],
};

/** The same for options that only sampling uses. */
const NEUTRAL_FOR_SAMPLING: Readonly<Record<string, readonly unknown[]>> = {
  min_p: [],
  typical_p: [1],
  epsilon_cutoff: [0],
  eta_cutoff: [0],
};

/** The same for options that only beam search uses. */
const NEUTRAL_FOR_BEAMS: Readonly<Record<string, readonly unknown[]>> = { renormalize_logits: [false] };

const ONLY_FOR_SAMPLING = ['temperature', 'top_k', 'top_p', 'seed'];
const ONLY_FOR_BEAMS = ['early_stopping', 'length_penalty'];

/** Whether a field of `config.json` is a generation option that has an effect. */
export function isGenerationOption(name: string): boolean {
  return UNDERSTOOD.has(name) || [NEUTRAL, NEUTRAL_FOR_SAMPLING, NEUTRAL_FOR_BEAMS].some((table) => name in table);
}

/**
 * Refuses options that would change the result but are not implemented, unknown options, and options of the caller that have
 * no effect. (transformers only warns about the last kind.)
 */
export function checkGenerationOptions(options: Options): void {
  const sampling = options.raw('do_sample') === true;
  const beams = Number(options.raw('num_beams') ?? 1) > 1;
  for (const name of options.names) {
    if (UNDERSTOOD.has(name) || WITHOUT_EFFECT.has(name)) continue;
    // Not an option of transformers, so only the caller can have set it.
    if (name === 'seed' && options.isOverridden(name)) continue;
    checkNeutral(options, name, { sampling, beams });
  }
  const idle = [...(sampling ? [] : ONLY_FOR_SAMPLING), ...(beams ? [] : ONLY_FOR_BEAMS)];
  const given = idle.find((name) => options.isOverridden(name) && options.raw(name) !== null);
  if (given !== undefined) {
    const need = ONLY_FOR_SAMPLING.includes(given) ? 'do_sample' : 'num_beams > 1';
    throw options.error(given, `${given} has no effect without ${need}`);
  }
}

function checkNeutral(options: Options, name: string, mode: { sampling: boolean; beams: boolean }): void {
  const value = options.raw(name);
  if (name in NEUTRAL_FOR_SAMPLING && !mode.sampling && !options.isOverridden(name)) return;
  if (name in NEUTRAL_FOR_BEAMS && !mode.beams && !options.isOverridden(name)) return;
  const neutral = NEUTRAL[name] ?? NEUTRAL_FOR_SAMPLING[name] ?? NEUTRAL_FOR_BEAMS[name];
  if (neutral && (value == null || neutral.includes(value))) return;
  const shown = `${name} = ${JSON.stringify(value)}`;
  if (options.isOverridden(name)) throw options.error(name, `the generation option ${shown} is not implemented`);
  if (!neutral && value == null) return;
  throw options.error(
    name,
    neutral
      ? `${shown} changes the result and is not implemented: override it with ${JSON.stringify(neutral[0] ?? null)}`
      : `${shown} is not a known generation option`,
  );
}
