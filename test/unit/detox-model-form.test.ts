import { readFileSync } from 'node:fs';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { lex, toModelForm } from '../../src/detox/model-form.ts';

/** What training/model_form.py made of hard texts; positions count code points. */
type Expected = { text: string; tokens: [form: string, start: number, end: number, kind: string][] };

const cases: Expected[] = readFileSync(new URL('../fixtures/model-form.jsonl', import.meta.url), 'utf8')
  .trimEnd()
  .split('\n')
  .map((line) => JSON.parse(line));

/** Offset in UTF-16 units -> offset in code points. */
function codePoints(text: string): Map<number, number> {
  const offsets = new Map<number, number>([[0, 0]]);
  let at = 0;
  let count = 0;
  for (const char of text) {
    at += char.length;
    offsets.set(at, ++count);
  }
  return offsets;
}

describe('lex', () => {
  it('equals the Python that made the training text, token by token', () => {
    expect(cases.length).toBeGreaterThanOrEqual(140);
    for (const { text, tokens } of cases) {
      const at = codePoints(text);
      const mine = lex(text).map((token) => [token.form, at.get(token.start), at.get(token.end), token.kind]);
      expect(mine, JSON.stringify(text)).toEqual(tokens);
    }
  });

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

  it('takes linear time on hostile texts', () => {
    for (const unit of ['😀', 'a', 'f*', '@ss', "a'", '1.', 'http://', 'www.,', '*_', 'e\u0301', '- ', '\u0301'])
      toModelForm(unit.repeat(500_000 / unit.length));
  }, 20_000);
});
