import { cpSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { CheckpointError } from '../../src/contract/errors.ts';
import { loadTokenizer, withinTime } from '../../src/engine/checkpoint/tokenizer/tokenizer.ts';
import { badWordIds } from '../../src/engine/models/bad-words.ts';
import { changeJson, copyCheckpoint } from '../support/hostile-checkpoints.ts';

type Json = Record<string, unknown>;

function changed(change: Json, file = 'tokenizer.json'): string {
  const folder = copyCheckpoint('tiny-bart');
  changeJson(folder, file, (tokenizer) => Object.assign(tokenizer, change));
  return folder;
}

const load = (folder: string) => loadTokenizer(folder, 1_000_000);
const replace = (pattern: string, content: string) => ({ type: 'Replace', pattern: { Regex: pattern }, content });
/** Takes time in the second power of two of its length, or worse. */
const PUMPED = `${'a'.repeat(60)}!`;

describe('a pattern without a bound in time', () => {
  test.each<[string, Json]>([
    ['a normalizer', { normalizer: replace('(a+)+$', 'x') }],
    [
      'a pre-tokenizer',
      { pre_tokenizer: { type: 'Split', pattern: { Regex: '(a|a)*$' }, behavior: 'Isolated', invert: false } },
    ],
    [
      'deep in sequences',
      {
        normalizer: {
          type: 'Sequence',
          normalizers: [{ type: 'NFC' }, { type: 'Sequence', normalizers: [replace('(a*)*$', '')] }],
        },
      },
    ],
  ])('%s: a text ends with an error that names file and pattern, and others go on', (_where, change) => {
    const tokenizer = load(changed(change));
    const failure = () => tokenizer.count(PUMPED);
    expect(failure).toThrow(CheckpointError);
    expect(failure).toThrow(/tokenizer\.json: its tokenizer takes more than 2 s: a pattern .*a[+*|]/);
    expect(tokenizer.encode('hello', 10).length).toBeGreaterThan(2);
  });

  test('a decoder', () => {
    const tokenizer = load(
      changed({ decoder: { type: 'Sequence', decoders: [{ type: 'Fuse' }, replace('(.*)*Z', '')] } }),
    );
    const { length } = tokenizer.encode(PUMPED, 200);
    expect(length).toBeGreaterThan(2);
    expect(() => tokenizer.decode(new Array(400).fill(tokenizer.encode('a', 10)[1]))).toThrow('takes more than 2 s');
  });

  test('also where words are turned into tokens to be banned', () => {
    expect(() => badWordIds(changed({ normalizer: replace('(a+)+$', 'x') }), [PUMPED])).toThrow('takes more than 2 s');
  });
});

describe('what multiplies a text', () => {
  test('in a normalizer, step by step', () => {
    const steps = Array.from({ length: 8 }, () => replace('z', 'zz'));
    const tokenizer = load(changed({ normalizer: { type: 'Sequence', normalizers: steps } }));
    expect(tokenizer.count('hello')).toBeGreaterThan(2);
    expect(() => tokenizer.count('z'.repeat(100))).toThrow('makes more than 32 characters of each one');
  });

  test('in a decoder', () => {
    const decoders = Array.from({ length: 30 }, () => replace('a', 'aa'));
    const tokenizer = load(changed({ decoder: { type: 'Sequence', decoders } }));
    const ids = tokenizer.encode('a a a a a a', 100);
    expect(() => tokenizer.decode(ids)).toThrow('makes more than 32 characters of each one');
  });

  test.each<[string, Json, string]>([
    ['long contents', { normalizer: replace('a', 'x'.repeat(1_000)) }, 'puts in 1000 characters'],
    ['a long prefix', { normalizer: { type: 'Prepend', prepend: 'x'.repeat(1_000) } }, 'puts in 1000 characters'],
    [
      'many steps',
      { normalizer: { type: 'Sequence', normalizers: new Array(200).fill({ type: 'NFC' }) } },
      'more than 100 steps',
    ],
    [
      'a pre-tokenizer that replaces',
      { pre_tokenizer: { type: 'Sequence', pretokenizers: new Array(3).fill(replace('a', 'aa')) } },
      'more than twice',
    ],
    ['pieces without a length', { pre_tokenizer: { type: 'FixedLength', length: 0 } }, 'pieces of 0 characters'],
    [
      'a template with the text in it many times',
      {
        post_processor: {
          type: 'TemplateProcessing',
          single: new Array(50).fill({ Sequence: { id: 'A', type_id: 0 } }),
          pair: [],
          special_tokens: {},
        },
      },
      'the text 50 times',
    ],
    [
      'a long pattern',
      { normalizer: replace('a?'.repeat(5_000), '') },
      'a pattern of its tokenizer has 10000 characters',
    ],
    ['many added tokens', { added_tokens: new Array(100_001).fill({ id: 1, content: 'a' }) }, '100001 added tokens'],
  ])('%s: refused when it is loaded', (_what, change, message) => {
    expect(() => load(changed(change))).toThrow(CheckpointError);
    expect(() => load(changed(change))).toThrow(message);
  });

  test('special tokens without end', () => {
    const folder = changed({ additional_special_tokens: new Array(20_001).fill('<a>') }, 'tokenizer_config.json');
    expect(() => load(folder)).toThrow('20001 special tokens');
  });
});

test.each([1e9, -1])('extra ids of an older T5: %i are refused', (extra) => {
  const folder = copyCheckpoint('tiny-t5');
  rmSync(join(folder, 'tokenizer.json'));
  cpSync(join(import.meta.dirname, '../fixtures/tokenizers/t5/spiece.model'), join(folder, 'spiece.model'));
  writeFileSync(join(folder, 'tokenizer_config.json'), JSON.stringify({ extra_ids: extra }));
  expect(() => load(folder)).toThrow(`extra_ids is ${extra}; 0 to 10000 can be read`);
});

test('work within a time: results and errors come through, also of work within work', () => {
  const late = () => new Error('late');
  expect(withinTime(1_000, () => withinTime(1_000, () => 'inner', late), late)).toBe('inner');
  expect(() => withinTime(1_000, () => JSON.parse('{'), late)).toThrow(SyntaxError);
  expect(() =>
    withinTime(
      50,
      () => {
        for (;;);
      },
      late,
    ),
  ).toThrow('late');
  expect(withinTime(1_000, () => undefined, late)).toBeUndefined();
});
