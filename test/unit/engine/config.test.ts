import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { CheckpointError, UsageError } from '../../../src/contract/errors.ts';
import { readBartConfig } from '../../../src/engine/architectures/bart/config.ts';
import { BERT_FAMILY, readBertConfig, windowOf } from '../../../src/engine/architectures/bert/config.ts';
import { findToxicLabel, readLabels } from '../../../src/engine/architectures/classifier.ts';
import { readGpt2Config } from '../../../src/engine/architectures/gpt2/config.ts';
import { classOf } from '../../../src/engine/architectures/registry.ts';
import { ROBERTA_FAMILY } from '../../../src/engine/architectures/roberta/config.ts';
import { readT5Config } from '../../../src/engine/architectures/t5/config.ts';
import { bucketOf } from '../../../src/engine/architectures/t5/positions.ts';
import { createFields } from '../../../src/engine/checkpoint/config/fields.ts';

const FIXTURES = join(import.meta.dirname, '../../fixtures/checkpoints');

function config(name: string, changes: object) {
  const values = { ...JSON.parse(readFileSync(join(FIXTURES, name, 'config.json'), 'utf8')), ...changes };
  return createFields('config.json', new Map(Object.entries(values)));
}

const bart = (changes = {}) => readBartConfig(config('tiny-bart', changes));
const bert = (changes = {}) => readBertConfig(config('tiny-roberta', changes), BERT_FAMILY);
const roberta = (changes = {}) => readBertConfig(config('tiny-roberta', changes), ROBERTA_FAMILY);
/** What the engine says when it is to generate or classify with a config. */
const generate = (name: string, changes: object) => {
  const fields = config(name, changes);
  return classOf(String(fields.raw('architectures')))!.generator!(fields);
};

describe('BART', () => {
  test('the shape of a checkpoint', () => {
    expect(bart()).toEqual({
      size: 32,
      vocabulary: 480,
      positions: 64,
      encoder: { layers: 2, heads: 2, inner: 64 },
      decoder: { layers: 2, heads: 2, inner: 64 },
      activation: 'gelu',
      embeddingScale: 1,
      normalizeEmbedding: true,
      normalizeBefore: false,
      finalNorm: false,
      tied: true,
    });
    const other = { normalize_embedding: false, normalize_before: true, add_final_layer_norm: true };
    expect(bart(other)).toMatchObject({ normalizeEmbedding: false, normalizeBefore: true, finalNorm: true });
    expect(bart({ scale_embedding: true }).embeddingScale).toBe(Math.sqrt(32));
    expect(bart({ tie_word_embeddings: false }).tied).toBe(false);
  });

  test.each<[object, string]>([
    [{ activation_function: 'silu' }, 'activation_function "silu" is not supported'],
    [{ static_position_embeddings: true }, 'static_position_embeddings = true is not supported'],
    [{ quantization_config: { bits: 4 } }, 'quantization_config is set'],
    [{ d_model: 33 }, 'd_model 33 is not a multiple of encoder_attention_heads 2'],
    [{ decoder_attention_heads: 0 }, 'decoder_attention_heads'],
    [{ d_model: '32' }, 'd_model is "32", not a whole number'],
    [{ decoder_layers: -1 }, 'decoder_layers'],
  ])('%j is refused', (changes, message) => {
    expect(() => generate('tiny-bart', changes)).toThrow(CheckpointError);
    expect(() => generate('tiny-bart', changes)).toThrow(`config.json: ${message}`);
  });
});

test('an MBart means all three norms', () => {
  const mbart = (changes = {}) => readBartConfig(config('tiny-mbart', changes), 'mbart');
  expect(mbart()).toMatchObject({ normalizeEmbedding: true, normalizeBefore: true, finalNorm: true });
  expect(() => mbart({ normalize_before: false })).toThrow('must be true in an MBart');
});

describe('BERT and RoBERTa', () => {
  const encode = (changes: object) => classOf('RobertaModel')!.encoder!(config('tiny-roberta', changes));
  const labels = (changes: object) => {
    const fields = config('tiny-roberta', changes);
    return { ...readLabels(fields), toxic: findToxicLabel(fields, readLabels(fields)).index };
  };

  test('the shape of a checkpoint', () => {
    expect(roberta()).toEqual({
      size: 48,
      vocabulary: 480,
      positionRows: 66,
      positionType: 'absolute',
      padding: 1,
      isDecoder: false,
      tokenTypes: 1,
      layers: 2,
      heads: 4,
      inner: 96,
      activation: 'gelu',
      epsilon: 1e-5,
    });
    expect(bert({ pad_token_id: undefined, layer_norm_eps: undefined })).toMatchObject({
      padding: 0,
      epsilon: 1e-12,
    });
    expect(windowOf(roberta(), ROBERTA_FAMILY)).toBe(64);
    expect(windowOf(bert(), BERT_FAMILY)).toBe(66);
  });

  test('the toxic label is found by its name', () => {
    expect(labels({ id2label: { 0: 'Toxic', 1: 'fine' } }).toxic).toBe(0);
    expect(labels({ id2label: { 0: 'LABEL_0', 1: 'LABEL_1' } }).toxic).toBe(1);
    expect(labels({ id2label: undefined }).toxic).toBe(1);
    const several = {
      problem_type: 'multi_label_classification',
      id2label: { 0: 'insult', 1: 'toxicity', 2: 'threat' },
    };
    expect(labels(several)).toEqual({ labels: ['insult', 'toxicity', 'threat'], multiLabel: true, toxic: 1 });
  });

  test.each<[Record<number, string>, number, string]>([
    [{ 0: 'nothate', 1: 'hate' }, 1, 'hate'],
    [{ 0: 'OFFENSIVE', 1: 'normal' }, 0, 'OFFENSIVE'],
    [{ 0: 'neither', 1: 'Hate Speech', 2: 'c' }, 1, 'Hate Speech'],
    [{ 0: 'LABEL_0', 1: 'LABEL_1' }, 1, 'LABEL_1'],
    [{ 0: 'a', 1: 'toxic', 2: 'c' }, 1, 'toxic'],
  ])('of %j label %i is a guess', (id2label, index, name) => {
    const fields = config('tiny-roberta', { id2label });
    expect(findToxicLabel(fields, readLabels(fields))).toEqual({ index, name, isGuess: true });
  });

  test('a label that was asked for is taken whatever its case, or the error lists those that there are', () => {
    const fields = config('tiny-roberta', { id2label: { 0: 'toxic', 1: 'Hate', 2: 'HATE', 3: 'Rude' } });
    const ask = (name: string) => findToxicLabel(fields, readLabels(fields), name);
    expect(ask('RUDE')).toEqual({ index: 3, name: 'Rude', isGuess: false });
    expect(ask('HATE').index).toBe(2);
    const listed = 'no label "angry" (--toxic-label). Its labels are "toxic", "Hate", "HATE", "Rude".';
    expect(() => ask('angry')).toThrow(listed);
    expect(() => ask('hate')).toThrow(UsageError);
    expect(() => ask('')).toThrow(UsageError);
  });

  test.each<[object, string]>([
    [{ hidden_act: 'silu' }, 'hidden_act "silu" is not supported'],
    [{ position_embedding_type: 'relative_key' }, 'position_embedding_type must be "absolute"'],
    [{ is_decoder: true }, 'is_decoder = true is not supported'],
    [{ quantization_config: {} }, 'quantization_config is set'],
    [{ num_attention_heads: 5 }, 'hidden_size 48 is not a multiple'],
    [{ num_hidden_layers: 0 }, 'num_hidden_layers'],
  ])('%j is refused', (changes, message) => {
    expect(() => encode(changes)).toThrow(CheckpointError);
    expect(() => encode(changes)).toThrow(`config.json: ${message}`);
  });

  const MULTI = 'multi_label_classification';
  test.each<[object, string]>([
    [{ problem_type: 'regression' }, 'problem_type "regression" is not supported'],
    [{ id2label: { 0: 'a', 1: 'b' } }, 'id2label names no label that surely means toxic: "a", "b". Say which'],
    [{ id2label: { 0: 'non-toxic', 1: 'not_hate' } }, 'id2label names no label that surely means toxic'],
    [{ id2label: { 0: 'hate', 1: 'offensive', 2: 'c' } }, 'id2label names more than one label that may mean toxic'],
    [{ id2label: { 0: 'LABEL_0', 1: 'LABEL_1', 2: 'LABEL_2' } }, 'id2label names no label that surely means toxic'],
    [{ id2label: { 0: 'LABEL_0', 1: 'LABEL_1' }, problem_type: MULTI }, 'id2label names no label that surely means'],
    [{ id2label: { 0: 'toxic' } }, 'id2label has one label, which makes the model a regression'],
    [{ id2label: { 0: 'toxic', 2: 'x' } }, 'id2label has no name for label 1 of 2'],
  ])('%j is refused as a scorer', (changes, message) => {
    expect(() => labels(changes)).toThrow(`config.json: ${message}`);
  });
});

describe('T5', () => {
  const t5 = (changes = {}) => readT5Config(config('tiny-t5', changes));

  test('the shape of a checkpoint, and what old configs leave to transformers', () => {
    const left = { feed_forward_proj: undefined, relative_attention_max_distance: undefined, num_decoder_layers: null };
    expect(t5(left)).toEqual({
      size: 32,
      vocabulary: 168,
      heads: 2,
      headSize: 12,
      inner: 64,
      encoderLayers: 2,
      decoderLayers: 2,
      projection: 'relu',
      gated: false,
      buckets: 32,
      maxDistance: 128,
      epsilon: 1e-6,
      tied: true,
    });
    expect(t5({ feed_forward_proj: 'gated-gelu' }).gated).toBe(true);
  });

  test.each<[object, string]>([
    [{ feed_forward_proj: 'gated-silu' }, 'feed_forward_proj "gated-silu" is not supported'],
    [{ quantization_config: {} }, 'quantization_config is set'],
    [{ relative_attention_num_buckets: 6 }, 'relative_attention_num_buckets 6 is not a multiple of 4'],
    [{ relative_attention_max_distance: 16 }, 'relative_attention_max_distance 16 must be more than half of 32'],
    [{ d_kv: 0 }, 'd_kv'],
  ])('%j is refused', (changes, message) => {
    expect(() => generate('tiny-t5', changes)).toThrow(`config.json: ${message}`);
  });

  test('distances share buckets as in transformers', () => {
    const shape = { buckets: 32, maxDistance: 128 };
    const distances = [-300, -128, -127, -64, -9, -8, -7, 0, 1, 7, 8, 12, 64, 91, 127, 128, 300];
    // T5Attention._relative_position_bucket of transformers 4.57.6
    expect(distances.map((distance) => bucketOf(distance, shape, true))).toEqual([
      15, 15, 15, 14, 8, 8, 7, 0, 17, 23, 24, 25, 30, 31, 31, 31, 31,
    ]);
    expect(distances.map((distance) => bucketOf(distance, shape, false))).toEqual([
      31, 31, 31, 26, 9, 8, 7, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0,
    ]);
  });
});

describe('GPT-2', () => {
  const gpt2 = (changes = {}) => readGpt2Config(config('tiny-gpt2', changes));

  test('the shape of a checkpoint, and what old configs leave to transformers', () => {
    const left = { n_inner: null, scale_attn_weights: undefined, tie_word_embeddings: undefined };
    expect(gpt2(left)).toEqual({
      size: 32,
      vocabulary: 480,
      positions: 96,
      layers: 2,
      heads: 2,
      inner: 128,
      activation: 'gelu_new',
      epsilon: 1e-5,
      scaled: true,
      scaledByLayer: false,
      tied: true,
    });
  });

  test.each<[object, string]>([
    [{ add_cross_attention: true }, 'add_cross_attention = true is not supported'],
    [{ activation_function: 'silu' }, 'activation_function "silu" is not supported'],
    [{ quantization_config: {} }, 'quantization_config is set'],
    [{ n_head: 5 }, 'n_embd 32 is not a multiple of n_head 5'],
  ])('%j is refused', (changes, message) => {
    expect(() => generate('tiny-gpt2', changes)).toThrow(`config.json: ${message}`);
  });
});
