import type { Fields } from '../../checkpoint/config/fields.ts';

/** Shape of a `T5ForConditionalGeneration` (transformers, models/t5): T5, T5 v1.1, Flan-T5. */
export interface T5Config {
  readonly size: number;
  readonly vocabulary: number;
  readonly heads: number;
  readonly headSize: number;
  readonly inner: number;
  readonly encoderLayers: number;
  readonly decoderLayers: number;
  /** `feed_forward_proj` as the config names it. */
  readonly projection: string;
  /** The feed-forward layer multiplies the activation of one projection by another projection. */
  readonly gated: boolean;
  readonly buckets: number;
  readonly maxDistance: number;
  readonly epsilon: number;
  readonly tied: boolean;
}

/**
 * Reads the config with the defaults of `T5Config`.
 *
 * @throws CheckpointError for a field with an impossible value
 */
export function readT5Config(fields: Fields): T5Config {
  const projection = fields.string('feed_forward_proj', 'relu');
  const encoderLayers = fields.size('num_layers', 6);
  return {
    size: fields.size('d_model', 512),
    vocabulary: fields.size('vocab_size', 32128),
    heads: fields.size('num_heads', 8),
    headSize: fields.size('d_kv', 64),
    inner: fields.size('d_ff', 2048),
    encoderLayers,
    decoderLayers: fields.raw('num_decoder_layers') == null ? encoderLayers : fields.size('num_decoder_layers'),
    projection,
    gated: projection.startsWith('gated-'),
    buckets: fields.size('relative_attention_num_buckets', 32),
    maxDistance: fields.size('relative_attention_max_distance', 128),
    epsilon: fields.number('layer_norm_epsilon', 1e-6),
    tied: fields.boolean('tie_word_embeddings', true),
  };
}
