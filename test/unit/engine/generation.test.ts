import { describe, expect, test } from 'vitest';
import { CheckpointError, UsageError } from '../../../src/contract/errors.ts';
import type { GenerationOverrides } from '../../../src/contract/generation.ts';
import { BART_GENERATION_DEFAULTS } from '../../../src/engine/architectures/bart/graph.ts';
import { createFields } from '../../../src/engine/checkpoint/config/fields.ts';
import { isPlainGreedy, readGeneration } from '../../../src/engine/checkpoint/config/generation.ts';

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

/** A model that continues its prompt. */
function readContinuing(source: object, overrides: GenerationOverrides = {}) {
  const limits = { ...LIMITS, decoderOnly: true };
  return readGeneration(fields('generation_config.json', source), fields('config.json', {}), {}, overrides, limits);
}

describe('from generation_config.json', () => {
  test('tokens and the length, which max_length counts with the start token', () => {
    expect(read({ ...TOKENS, max_length: 40, forced_bos_token_id: 0, forced_eos_token_id: 2 })).toMatchObject({
      startToken: 2,
      padToken: 1,
      endTokens: [2],
      firstToken: 0,
      lastTokens: [2],
      maxNewTokens: 39,
      search: { kind: 'greedy' },
    });
  });

  test('defaults of transformers: 20 new tokens, a start token that may be bos, and padding with eos', () => {
    expect(read({ bos_token_id: 5, eos_token_id: [7, 8] })).toMatchObject({
      startToken: 5,
      padToken: 7,
      endTokens: [7, 8],
      firstToken: null,
      lastTokens: [],
      maxNewTokens: 20,
    });
  });

  test('config.json and the defaults of the architecture do not mix in', () => {
    expect(read({ ...TOKENS }, {}, { forced_bos_token_id: 9, num_beams: 4 })).toMatchObject({
      firstToken: null,
      lastTokens: [],
      search: { kind: 'greedy' },
    });
  });

  test('max_new_tokens wins over max_length, and min_new_tokens over min_length', () => {
    const both = { ...TOKENS, max_length: 40, max_new_tokens: 7, min_length: 30, min_new_tokens: 3 };
    expect(read(both)).toMatchObject({ maxNewTokens: 7, minNewTokens: 3 });
  });

  test('min_length counts the start token', () => {
    expect(read({ ...TOKENS, min_length: 12 }).minNewTokens).toBe(11);
  });

  test('beams: what the inference script of ParaDetox and bart-base-detox ask for', () => {
    const options = { num_beams: 4, no_repeat_ngram_size: 3, early_stopping: true, repetition_penalty: 10 };
    expect(read({ ...TOKENS, ...options })).toMatchObject({
      search: { kind: 'beam', beams: 4, lengthPenalty: 1, earlyStopping: true },
      noRepeatNgram: 3,
      repetitionPenalty: 10,
    });
  });

  test('sampling has its own defaults: the 50 best tokens', () => {
    expect(read({ ...TOKENS, do_sample: true }).search).toEqual({
      kind: 'sample',
      temperature: 1,
      topK: 50,
      topP: 1,
      seed: 0,
    });
  });

  test('an end token alone is no bad word', () => {
    expect(read({ ...TOKENS, bad_words_ids: [[2], [3], [4, 2]] }).badWords).toEqual([[3], [4, 2]]);
  });
});

describe('from config.json, when there is no generation_config.json', () => {
  test('the defaults of BartConfig hold, and null takes one away', () => {
    expect(read(null)).toMatchObject({ startToken: 2, padToken: 1, endTokens: [2], lastTokens: [2], maxNewTokens: 20 });
    expect(read(null, {}, { forced_eos_token_id: null }).lastTokens).toEqual([]);
  });

  test('fields that are no generation options are left alone', () => {
    expect(read(null, {}, { d_model: 768, dropout: 0.1, max_length: 30 }).maxNewTokens).toBe(29);
  });

  test('its options count, and what is not implemented is refused here too', () => {
    expect(read(null, {}, { num_beams: 4, early_stopping: true }).search).toMatchObject({
      beams: 4,
      earlyStopping: true,
    });
    expect(() => read(null, {}, { diversity_penalty: 0.5 })).toThrow(/^config\.json: diversity_penalty = 0.5 changes/);
  });
});

describe('a model that continues its prompt', () => {
  const GPT2 = { bos_token_id: 50, eos_token_id: 50 };

  test('has no start token, and max_length and min_length count the prompt', () => {
    expect(readContinuing({ ...GPT2, max_length: 40, min_length: 30 })).toMatchObject({
      startToken: null,
      padToken: 50,
      maxLength: 40,
      minLength: 30,
      minNewTokens: 0,
    });
  });

  test('by default makes 20 tokens beside the prompt, within its positions', () => {
    expect(readContinuing(GPT2)).toMatchObject({ maxNewTokens: 20, maxLength: 64 });
  });

  test('may use every position for max_new_tokens: the last token is never fed', () => {
    expect(readContinuing(GPT2, { max_new_tokens: 30 })).toMatchObject({ maxNewTokens: 30, maxLength: 65 });
  });
});

describe('what is not implemented is an error, never ignored', () => {
  test.each<[string, unknown]>([
    ['stop_strings', ['.']],
    ['forced_decoder_ids', [[1, 2]]],
    ['num_beam_groups', 2],
    ['encoder_repetition_penalty', 1.3],
    ['sequence_bias', [[[3], 1]]],
    ['exponential_decay_length_penalty', [3, 1.2]],
    ['penalty_alpha', 0.6],
  ])('%s = %j', (name, value) => {
    expect(() => read({ ...TOKENS, [name]: value })).toThrow(CheckpointError);
    expect(() => read({ ...TOKENS, [name]: value })).toThrow(`generation_config.json: ${name} = `);
  });

  test('warpers of sampling and normalised scores only where they would count', () => {
    expect(() => read({ ...TOKENS, typical_p: 0.5, renormalize_logits: true })).not.toThrow();
    expect(() => read({ ...TOKENS, typical_p: 0.5, do_sample: true })).toThrow('typical_p = 0.5 changes the result');
    expect(() => read({ ...TOKENS, renormalize_logits: true, num_beams: 2 })).toThrow('renormalize_logits = true');
    expect(() => read({ ...TOKENS }, { typical_p: 0.5 })).toThrow(UsageError);
  });

  test('an option nobody knows', () => {
    expect(() => read({ ...TOKENS, magic: 3 })).toThrow('magic = 3 is not a known generation option');
    expect(() => read({ ...TOKENS }, { magic: 3 })).toThrow(UsageError);
  });

  test('sampling in beams', () => {
    expect(() => read({ ...TOKENS, do_sample: true }, { num_beams: 2 })).toThrow('do_sample and num_beams > 1');
  });
});

describe('the caller', () => {
  test('may ask for plain greedy search of a checkpoint that was made for beams', () => {
    const source = { ...TOKENS, num_beams: 4, no_repeat_ngram_size: 3, max_length: 30, early_stopping: true };
    expect(isPlainGreedy(read(source, { num_beams: 1, no_repeat_ngram_size: 0 }), 64)).toBe(true);
    expect(isPlainGreedy(read(source, { num_beams: 1 }), 64)).toBe(false);
  });

  test('sets the limit under either name', () => {
    expect(read({ ...TOKENS, max_length: 40 }, { max_new_tokens: 5 }).maxNewTokens).toBe(5);
    expect(read({ ...TOKENS, max_new_tokens: 40 }, { max_length: 5 }).maxNewTokens).toBe(4);
    expect(read({ ...TOKENS }, { max_length: 20 }).maxNewTokens).toBe(19);
  });

  test('takes an option of the checkpoint back with null', () => {
    expect(read({ ...TOKENS, forced_eos_token_id: 2 }, { forced_eos_token_id: null }).lastTokens).toEqual([]);
  });

  test('cannot ask for more than the decoder has positions, or for nothing', () => {
    expect(read({ ...TOKENS }, { max_new_tokens: 64 }).maxNewTokens).toBe(64);
    expect(() => read({ ...TOKENS }, { max_new_tokens: 65 })).toThrow(UsageError);
    expect(() => read({ ...TOKENS }, { max_new_tokens: 0 })).toThrow(UsageError);
    expect(() => read({ ...TOKENS, max_length: 1000 })).toThrow(CheckpointError);
  });

  test.each<[GenerationOverrides, string]>([
    [{ temperature: 0.7 }, 'temperature has no effect without do_sample'],
    [{ seed: 3 }, 'seed has no effect without do_sample'],
    [{ early_stopping: true }, 'early_stopping has no effect without num_beams > 1'],
    [{ num_return_sequences: 2 }, 'num_return_sequences > 1 needs num_beams > 1 or do_sample'],
    [{ num_beams: 2, num_return_sequences: 3 }, 'num_return_sequences (3) must not be larger than num_beams (2)'],
    [{ min_new_tokens: 9, max_new_tokens: 5 }, 'at least 9 new tokens are asked for, but at most 5'],
    [{ suppress_tokens: [2], forced_eos_token_id: 2 }, 'token 2 is both forced and suppressed'],
    [{ num_beams: 2, early_stopping: 'soon' }, 'early_stopping is "soon"'],
    [{ do_sample: true, temperature: 0 }, 'temperature is 0, not a number above 0'],
    [{ do_sample: true, top_p: 1.5 }, 'top_p is 1.5, not a number from 0 to 1'],
    [{ repetition_penalty: -1 }, 'repetition_penalty is -1, not a number above 0'],
    [{ bad_words_ids: [] }, 'bad_words_ids must be a list of lists'],
    [{ bad_words_ids: [[3, 100]] }, 'bad_words_ids is 100, but the vocabulary has 100 tokens'],
  ])('is told what does not fit: %j', (overrides, message) => {
    expect(() => read({ ...TOKENS, max_length: 40 }, overrides)).toThrow(UsageError);
    expect(() => read({ ...TOKENS, max_length: 40 }, overrides)).toThrow(message);
  });
});

test('token ids outside the vocabulary, or of another type, are refused by name', () => {
  expect(() => read({ ...TOKENS, eos_token_id: 100 })).toThrow('eos_token_id is 100');
  expect(() => read({ ...TOKENS, forced_bos_token_id: -1 })).toThrow('forced_bos_token_id is -1');
  expect(() => read({ ...TOKENS, eos_token_id: 'two' })).toThrow('eos_token_id is "two"');
  expect(() => read({ pad_token_id: 1 })).toThrow('neither decoder_start_token_id nor bos_token_id is set');
});

test('of several forced ends greedy search takes the first token, as the argmax of equal scores does', () => {
  expect(read({ ...TOKENS, forced_eos_token_id: [9, 4] }).lastTokens).toEqual([4, 9]);
});
