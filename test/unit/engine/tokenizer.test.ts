import { cpSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, test } from 'vitest';
import { CheckpointError } from '../../../src/contract/errors.ts';
import { loadTokenizer } from '../../../src/engine/checkpoint/tokenizer/tokenizer.ts';

const FIXTURE = join(import.meta.dirname, '../../fixtures/checkpoints/tiny-bart');
const folder = mkdtempSync(join(tmpdir(), 'detoxq-tokenizer-'));
afterAll(() => rmSync(folder, { recursive: true }));
const tokenizer = loadTokenizer(FIXTURE, 480);

const references: { text: string; input_tokens: number[] }[] = readFileSync(join(FIXTURE, 'reference.jsonl'), 'utf8')
  .trim()
  .split('\n')
  .map((line) => JSON.parse(line));

test('ids are those of transformers, truncation to the window included', () => {
  for (const { text, input_tokens } of references) expect(tokenizer.encode(text, 64)).toEqual(input_tokens);
  expect(Math.max(...references.map((row) => row.input_tokens.length))).toBe(64);
});

test('a text that is too long loses its end, but not the closing token', () => {
  const whole = tokenizer.encode('the soup is cold , the bread is old', 64);
  expect(tokenizer.encode('the soup is cold , the bread is old', 6)).toEqual([...whole.slice(0, 5), 2]);
  expect(tokenizer.count('the soup is cold , the bread is old')).toBe(whole.length);
});

test('an empty text is its special tokens', () => {
  expect(tokenizer.encode('', 64)).toEqual([0, 2]);
  expect(tokenizer.count('')).toBe(2);
});

test('texts come back from their ids, without special tokens and with their spaces', () => {
  for (const text of ['you are wrong , please read .', 'zoë paid 1,250.50 €', 'no 🙂 emoji']) {
    expect(tokenizer.decode(tokenizer.encode(text, 64))).toBe(` ${text}`);
  }
  expect(tokenizer.decode([])).toBe('');
  expect(tokenizer.decode([0, 2])).toBe('');
});

test('its own limit is known', () => {
  expect(tokenizer.maxTokens).toBe(64);
});

describe('what is refused', () => {
  function changed(file: string, change: (json: Record<string, unknown>) => void): void {
    cpSync(FIXTURE, folder, { recursive: true });
    const json = JSON.parse(readFileSync(join(FIXTURE, file), 'utf8'));
    change(json);
    writeFileSync(join(folder, file), JSON.stringify(json));
  }

  test('a tokenizer with more tokens than the model', () => {
    expect(() => loadTokenizer(FIXTURE, 479)).toThrow(
      "the tokenizer has token 479, but the model's vocabulary ends at 478",
    );
  });

  test('truncation of the beginning', () => {
    changed('tokenizer_config.json', (json) => {
      json.truncation_side = 'left';
    });
    expect(() => loadTokenizer(folder, 480)).toThrow('truncation_side is "left"');
  });

  test('a tokenizer.json of an unknown kind', () => {
    changed('tokenizer.json', (json) => {
      json.model = { type: 'Oracle' };
    });
    expect(() => loadTokenizer(folder, 480)).toThrow(CheckpointError);
  });
});
