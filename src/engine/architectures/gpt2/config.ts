import type { Fields } from '../../checkpoint/config/fields.ts';

/** Shape of a `GPT2LMHeadModel` (transformers, models/gpt2). */
export interface Gpt2Config {
  readonly size: number;
  readonly vocabulary: number;
  readonly positions: number;
  readonly layers: number;
  readonly heads: number;
  readonly inner: number;
  /** As the config names it. */
  readonly activation: string;
  readonly epsilon: number;
  /** Scores are divided by the square root of the head size. */
  readonly scaled: boolean;
  /** Scores of layer n, counted from 1, are divided by n. */
  readonly scaledByLayer: boolean;
  readonly tied: boolean;
}

/**
 * Reads the config with the defaults of `GPT2Config`.
 *
 * @throws CheckpointError for a field with an impossible value
 */
export function readGpt2Config(fields: Fields): Gpt2Config {
  const size = fields.size('n_embd', 768);
  const heads = fields.size('n_head', 12);
  if (size % heads !== 0) throw fields.error(`n_embd ${size} is not a multiple of n_head ${heads}`);
  return {
    size,
    heads,
    vocabulary: fields.size('vocab_size', 50257),
    positions: fields.size('n_positions', 1024),
    layers: fields.size('n_layer', 12),
    inner: fields.raw('n_inner') == null ? 4 * size : fields.size('n_inner'),
    activation: fields.string('activation_function', 'gelu_new'),
    epsilon: fields.number('layer_norm_epsilon', 1e-5),
    scaled: fields.boolean('scale_attn_weights', true),
    scaledByLayer: fields.boolean('scale_attn_by_inverse_layer_idx', false),
    tied: fields.boolean('tie_word_embeddings', true),
  };
}
