import { describe, expect, test } from 'vitest';
import { CheckpointError, UsageError } from '../../src/contract/errors.ts';
import { BART_GENERATION_DEFAULTS } from '../../src/engine/architectures/bart.ts';
import { createFields } from '../../src/engine/checkpoint/fields.ts';
import { type GenerationOverrides, readGeneration } from '../../src/engine/checkpoint/generation.ts';

const LIMITS = { vocabulary: 100, positions: 64 };
const TOKENS = { bos_token_id: 0, pad_token_id: 1, eos_token_id: 2, decoder_start_token_id: 2 };

function fields(file: string, values: object) {
  return createFields(file, new Map(Object.entries(values)));
}

/** With `source` null the checkpoint has no generation_config.json. */
function read(source: object | null, overrides: GenerationOverrides = {}, model: object = {}) {
  const generation = source === null ? null : fields('generation_config.json', source);
  return readGeneration(generation, fields('config.json', model), BART_GENERATION_DEFAULTS, overrides, LIMITS);
}

describe('from generation_config.json', () => {
  test('what greedy search needs', () => {
    expect(read({ ...TOKENS, max_length: 40, forced_bos_token_id: 0, forced_eos_token_id: 2 })).toEqual({
      startToken: 2,
      padToken: 1,
      endTokens: [2],
      firstToken: 0,
      lastToken: 2,
      maxNewTokens: 39,
    });
  });

  test('defaults of transformers: 20 tokens with the start token, which may be bos, and padding with eos', () => {
    expect(read({ bos_token_id: 5, eos_token_id: [7, 8] })).toEqual({
      startToken: 5,
      padToken: 7,
      endTokens: [7, 8],
      firstToken: null,
      lastToken: null,
      maxNewTokens: 19,
    });
  });

  test('config.json and the defaults of the architecture do not mix in', () => {
    expect(read({ ...TOKENS }, {}, { forced_bos_token_id: 9, num_beams: 4 }).firstToken).toBeNull();
    expect(read({ ...TOKENS }).lastToken).toBeNull();
  });

  test('max_new_tokens wins over max_length', () => {
    expect(read({ ...TOKENS, max_length: 40, max_new_tokens: 7 }).maxNewTokens).toBe(7);
  });
});

describe('from config.json, when there is no generation_config.json', () => {
  test('the defaults of BartConfig hold, and null takes one away', () => {
    expect(read(null)).toMatchObject({ startToken: 2, padToken: 1, endTokens: [2], lastToken: 2, maxNewTokens: 19 });
    expect(read(null, {}, { forced_eos_token_id: null }).lastToken).toBeNull();
  });

  test('fields that are no generation options are left alone', () => {
    expect(read(null, {}, { d_model: 768, dropout: 0.1, max_length: 30 }).maxNewTokens).toBe(29);
  });

  test('options that would change the result are refused here too', () => {
    expect(() => read(null, {}, { num_beams: 4 })).toThrow(/^config\.json: num_beams = 4 changes the result/);
  });
});

describe('what is not implemented is an error, never ignored', () => {
  test.each<[string, unknown]>([
    ['num_beams', 4],
    ['do_sample', true],
    ['min_length', 12],
    ['min_new_tokens', 3],
    ['no_repeat_ngram_size', 3],
    ['repetition_penalty', 1.2],
    ['bad_words_ids', [[3]]],
    ['suppress_tokens', [3]],
    ['begin_suppress_tokens', [3]],
    ['num_return_sequences', 2],
    ['stop_strings', ['.']],
    ['forced_decoder_ids', [[1, 2]]],
  ])('%s = %j', (name, value) => {
    expect(() => read({ ...TOKENS, [name]: value })).toThrow(CheckpointError);
    expect(() => read({ ...TOKENS, [name]: value })).toThrow(`generation_config.json: ${name} = `);
  });

  test('an option nobody knows', () => {
    expect(() => read({ ...TOKENS, magic: 3 })).toThrow('magic = 3 is not a known generation option');
    expect(() => read({ ...TOKENS }, { magic: 3 })).toThrow(UsageError);
  });

  test('options at values that do nothing, and those of sampling and beams, are fine', () => {
    const harmless = { num_beams: 1, do_sample: false, min_length: 0, no_repeat_ngram_size: 0, repetition_penalty: 1 };
    const sampling = { temperature: 0.7, top_k: 50, top_p: 0.9, early_stopping: true, length_penalty: 2 };
    expect(() =>
      read({ ...TOKENS, ...harmless, ...sampling, bad_words_ids: null, transformers_version: '4' }),
    ).not.toThrow();
  });
});

describe('the caller', () => {
  test('may ask for plain greedy search of a checkpoint that was made for beams', () => {
    const source = { ...TOKENS, num_beams: 4, no_repeat_ngram_size: 3, max_length: 30, early_stopping: true };
    expect(read(source, { num_beams: 1, no_repeat_ngram_size: 0 }).maxNewTokens).toBe(29);
    expect(() => read(source, { num_beams: 1 })).toThrow('no_repeat_ngram_size = 3');
  });

  test('sets the limit under either name', () => {
    expect(read({ ...TOKENS, max_length: 40 }, { max_new_tokens: 5 }).maxNewTokens).toBe(5);
    expect(read({ ...TOKENS, max_new_tokens: 40 }, { max_length: 5 }).maxNewTokens).toBe(4);
  });

  test('cannot ask for more than the decoder has positions, or for nothing', () => {
    expect(read({ ...TOKENS }, { max_new_tokens: 64 }).maxNewTokens).toBe(64);
    expect(() => read({ ...TOKENS }, { max_new_tokens: 65 })).toThrow(UsageError);
    expect(() => read({ ...TOKENS }, { max_new_tokens: 0 })).toThrow(UsageError);
    expect(() => read({ ...TOKENS, max_length: 1000 })).toThrow(CheckpointError);
  });
});

test('token ids outside the vocabulary, or of another type, are refused by name', () => {
  expect(() => read({ ...TOKENS, eos_token_id: 100 })).toThrow('eos_token_id is 100');
  expect(() => read({ ...TOKENS, forced_bos_token_id: -1 })).toThrow('forced_bos_token_id is -1');
  expect(() => read({ ...TOKENS, eos_token_id: 'two' })).toThrow('eos_token_id is "two"');
  expect(() => read({ pad_token_id: 1 })).toThrow('neither decoder_start_token_id nor bos_token_id is set');
});

test('of several forced ends the first token wins, as the argmax of equal scores does', () => {
  expect(read({ ...TOKENS, forced_eos_token_id: [9, 4] }).lastToken).toBe(4);
});
