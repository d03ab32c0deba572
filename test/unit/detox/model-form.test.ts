import { readFileSync } from 'node:fs';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { lex, toModelForm } from '../../../src/detox/model-form.ts';
import { expectLinearTime } from '../../support/linear-time.ts';

/** What training/model_form.py makes of a text; positions in UTF-16 units. */
type Expected = { text: string; form: string; tokens: [form: string, start: number, end: number, kind: string][] };

function readCases(file: string): Expected[] {
  const lines = readFileSync(new URL(`../../../${file}`, import.meta.url), 'utf8')
    .trimEnd()
    .split('\n');
  return lines.map((line) => JSON.parse(line));
}

describe('lex', () => {
  it.each(['test/fixtures/model-form.jsonl', 'training/model_form_cases.jsonl'])(
    'equals the Python that made the training text, token by token: %s',
    (file) => {
      const cases = readCases(file);
      expect(cases.length).toBeGreaterThanOrEqual(20);
      for (const { text, form, tokens } of cases) {
        const mine = lex(text).map((token) => [token.form, token.start, token.end, token.kind]);
        expect(mine, JSON.stringify(text)).toEqual(tokens);
        expect(toModelForm(text)).toBe(form);
      }
    },
  );

  it('merges a clitic that is set apart, and the token covers both pieces', () => {
    const text = "Don ’t say you 're sorry";
    expect(lex(text).map((token) => [token.form, text.slice(token.start, token.end)])).toEqual([
      ["don't", 'Don ’t'],
      ['say', 'say'],
      ["you're", "you 're"],
      ['sorry', 'sorry'],
    ]);
  });

  it('gives tokens in order, without overlap, with forms that hold no white space', () => {
    fc.assert(
      fc.property(fc.string({ unit: 'binary', maxLength: 60 }), (text) => {
        let end = 0;
        for (const token of lex(text)) {
          expect(token.start).toBeGreaterThanOrEqual(end);
          expect(token.end).toBeGreaterThan(token.start);
          expect(token.form).toMatch(/^\S+$/u);
          end = token.end;
        }
        expect(end).toBeLessThanOrEqual(text.length);
      }),
    );
  });

  it('takes a run of signs into a word where a letter follows, wherever the run is looked at', () => {
    const words = (text: string): string[] => lex(text).map(({ form }) => form);
    expect(words('a$*b a$* @$$*b @$$* *@$$_b x@$$@$$ @$$@$$b')).toEqual(
      'a$*b a$ @$$*b @$$ @$$_b x @$$ @$$ @$$@$$b'.split(' '),
    );
  });

  it('takes linear time on hostile texts', async () => {
    const units = ['😀', 'a', 'f*', '@ss', "a'", '1.', 'http://', 'www.,', '*_', 'e\u0301', '- ', '\u0301'];
    await expectLinearTime(units, toModelForm);
    // Runs of signs that no letter follows: each of them took a look at all that came behind it.
    const signs = ['$', '_', '@$$', '*@$$', '@$$*', 'a$*', '&@$$%'];
    await expectLinearTime(signs, (text) => toModelForm(`a${text}`));
  }, 20_000);
});
