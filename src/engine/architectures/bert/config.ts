import type { Fields } from '../../checkpoint/config/fields.ts';
import type { Activation } from '../../compile/layers.ts';
import { computedActivation, integerOr, refuseQuantized } from '../config-fields.ts';

/** What distinguishes BERT from RoBERTa, whose classes are otherwise alike (transformers, models/bert and models/roberta). */
export interface BertFamily {
  /** Prefix of class names. */
  readonly className: 'Bert' | 'Roberta';
  /** The encoder's name in classes with a head (`base_model_prefix`): tensor names begin with it. */
  readonly base: 'bert' | 'roberta';
  /** Used for fields that the config does not have. */
  readonly defaults: { readonly vocabulary: number; readonly padToken: number };
  /**
   * Positions count the tokens that are not padding, from `padToken + 1` on, as RoBERTa's do: the first rows of the table are
   * never used. BERT's count all tokens, from 0.
   */
  readonly positionsAfterPadding: boolean;
  /** The classifier's head: tanh of the first layer over the first token, then the second layer. */
  readonly head: readonly [dense: string, output: string];
}

export const BERT_FAMILY: BertFamily = {
  className: 'Bert',
  base: 'bert',
  defaults: { vocabulary: 30522, padToken: 0 },
  positionsAfterPadding: false,
  head: ['pooler.dense', 'classifier'],
};

/** Shape of an encoder of this family. */
interface BertConfig {
  readonly size: number;
  readonly vocabulary: number;
  readonly positionRows: number;
  /** `absolute`, or another type that the config names. */
  readonly positionType: string;
  /** `pad_token_id`, null included; absent: the family's default. */
  readonly padding: number | null;
  readonly isDecoder: boolean;
  readonly tokenTypes: number;
  readonly layers: number;
  readonly heads: number;
  readonly inner: number;
  /** As the config names it. */
  readonly activation: string;
  readonly epsilon: number;
}

/**
 * Reads the config with the defaults of `BertConfig` and `RobertaConfig`.
 *
 * @throws CheckpointError for a field with an impossible value
 */
export function readBertConfig(fields: Fields, { defaults }: BertFamily): BertConfig {
  const size = fields.size('hidden_size', 768);
  const heads = fields.size('num_attention_heads', 12);
  if (size % heads !== 0) throw fields.error(`hidden_size ${size} is not a multiple of num_attention_heads ${heads}`);
  return {
    size,
    heads,
    activation: fields.string('hidden_act', 'gelu'),
    vocabulary: fields.size('vocab_size', defaults.vocabulary),
    positionRows: fields.size('max_position_embeddings', 512),
    positionType: fields.string('position_embedding_type', 'absolute'),
    padding: integerOr(fields, 'pad_token_id', defaults.padToken),
    isDecoder: fields.boolean('is_decoder', false),
    tokenTypes: fields.size('type_vocab_size', 2),
    layers: fields.size('num_hidden_layers', 12),
    inner: fields.size('intermediate_size', 3072),
    epsilon: fields.number('layer_norm_eps', 1e-12),
  };
}

/** A config that the graphs can follow. */
export interface RunnableBert extends Omit<BertConfig, 'activation'> {
  readonly activation: Activation;
  readonly padToken: number;
  readonly positionsAfterPadding: boolean;
}

/** @throws CheckpointError for a config that the graphs cannot follow */
export function readRunnableBert(fields: Fields, family: BertFamily): RunnableBert {
  const config = readBertConfig(fields, family);
  if (config.positionType !== 'absolute') throw fields.error('position_embedding_type must be "absolute"');
  if (config.isDecoder) throw fields.error('is_decoder = true is not supported: an encoder reads both ways');
  refuseQuantized(fields);
  return {
    ...config,
    activation: computedActivation(fields, 'hidden_act', config.activation),
    padToken: config.padding ?? family.defaults.padToken,
    positionsAfterPadding: family.positionsAfterPadding,
  };
}

/** Longest input in tokens. */
export function windowOf(
  { positionRows, padding }: Pick<BertConfig, 'positionRows' | 'padding'>,
  { positionsAfterPadding, defaults }: BertFamily,
): number {
  return positionsAfterPadding ? positionRows - (padding ?? defaults.padToken) - 1 : positionRows;
}
