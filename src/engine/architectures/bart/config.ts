import type { Fields } from '../../checkpoint/config/fields.ts';

interface Side {
  readonly layers: number;
  readonly heads: number;
  /** Features inside the feed-forward layers. */
  readonly inner: number;
}

/** Shape of a `BartForConditionalGeneration` or `MBartForConditionalGeneration` (transformers, models/bart and mbart). */
export interface BartConfig {
  readonly size: number;
  readonly vocabulary: number;
  readonly positions: number;
  readonly encoder: Side;
  readonly decoder: Side;
  /** As the config names it. */
  readonly activation: string;
  /** Factor of the word embeddings. */
  readonly embeddingScale: number;
  /** A norm follows the embeddings. */
  readonly normalizeEmbedding: boolean;
  /** Norms stand before attention and feed-forward, inside the residual sum; else they stand after the sum. */
  readonly normalizeBefore: boolean;
  /** A norm follows the last layer. */
  readonly finalNorm: boolean;
  readonly tied: boolean;
}

/** Learned positions start at 2 in this family. */
export const POSITION_OFFSET = 2;
/** PyTorch's own: the class sets no other. */
export const EPSILON = 1e-5;

/**
 * Reads the config with the defaults of `BartConfig`. `MBartConfig` has the same ones.
 *
 * @throws CheckpointError for a field with an impossible value
 */
export function readBartConfig(fields: Fields, family: 'bart' | 'mbart' = 'bart'): BartConfig {
  const size = fields.size('d_model', 1024);
  const half = (side: 'encoder' | 'decoder'): Side => {
    const heads = fields.size(`${side}_attention_heads`, 16);
    if (size % heads !== 0) throw fields.error(`d_model ${size} is not a multiple of ${side}_attention_heads ${heads}`);
    return { layers: fields.size(`${side}_layers`, 12), heads, inner: fields.size(`${side}_ffn_dim`, 4096) };
  };
  return {
    size,
    vocabulary: fields.size('vocab_size', 50265),
    positions: fields.size('max_position_embeddings', 1024),
    encoder: half('encoder'),
    decoder: half('decoder'),
    activation: fields.string('activation_function', 'gelu'),
    embeddingScale: fields.boolean('scale_embedding', false) ? Math.sqrt(size) : 1,
    ...readNorms(fields, family),
    tied: fields.boolean('tie_word_embeddings', true),
  };
}

/**
 * Places of the norms. BART's config of transformers 3 named them, and mBART's still does; an mBART has all three. Later
 * versions of the BART class ignore the fields, but weights were trained for the layout that they name.
 */
function readNorms(fields: Fields, family: 'bart' | 'mbart') {
  const multilingual = family === 'mbart';
  const norms = {
    normalizeEmbedding: fields.boolean('normalize_embedding', true),
    normalizeBefore: fields.boolean('normalize_before', multilingual),
    finalNorm: fields.boolean('add_final_layer_norm', multilingual),
  };
  if (multilingual && !Object.values(norms).every(Boolean)) {
    throw fields.error('normalize_embedding, normalize_before and add_final_layer_norm must be true in an MBart');
  }
  return norms;
}
