import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { createFields } from '../../../src/engine/checkpoint/config/fields.ts';
import { loadTokenizer } from '../../../src/engine/checkpoint/tokenizer/tokenizer.ts';
import { createPrompt, findTemplate } from '../../../src/engine/models/prompt.ts';

const tokenizer = loadTokenizer(join(import.meta.dirname, '../../fixtures/checkpoints/tiny-gpt2'), 480);
const fields = (values: object) => createFields('config.json', new Map(Object.entries(values)));
const own = (prompt: unknown) => fields({ task_specific_params: { detoxification: { prompt } } });

describe('the template of a checkpoint', () => {
  test('the caller wins over config.json, which wins over what is known of the alias', () => {
    expect(findTemplate('a {text} b', own('x {text}'), 't5-paraphrase')).toBe('a {text} b');
    expect(findTemplate(undefined, own('x {text}'), 't5-paraphrase')).toBe('x {text}');
    expect(findTemplate(undefined, fields({}), 't5-paraphrase')).toBe('paraphrase: {text}');
    expect(findTemplate(undefined, fields({ task_specific_params: { other: {} } }), './folder')).toBe('{text}');
  });

  test.each(['no place', '{text} and {text}'])('%j is refused', (template) => {
    expect(() => findTemplate(template, fields({}), 'x')).toThrow('must have {text} in it once');
    expect(() => findTemplate(undefined, own(template), 'x')).toThrow('config.json: task_specific_params');
  });
});

describe('a prompt', () => {
  const prompt = createPrompt('you {text} => ', tokenizer, 2);

  test('counts and encodes the text in its template', () => {
    expect(prompt.count('are late')).toBe(tokenizer.count('you are late => '));
    expect(tokenizer.decode(prompt.encode('are late', 64))).toBe('you are late => ');
  });

  test('leaves out the end of a long text, never its own', () => {
    const tokens = prompt.encode('the soup is cold '.repeat(50), 30);
    expect(tokens.length).toBeLessThanOrEqual(30);
    expect(tokens.length).toBeGreaterThan(26);
    expect(tokenizer.decode(tokens)).toMatch(/^you the soup is cold .* => $/);
    expect(() => prompt.encode('soup', 1)).toThrow('the prompt alone has more than the 1 tokens');
  });

  test('without any token begins with the start token', () => {
    expect(createPrompt('{text}', tokenizer, 2).encode('', 64)).toEqual([2]);
    expect(createPrompt('{text}', tokenizer, null).encode('', 64)).toEqual([]);
  });
});
