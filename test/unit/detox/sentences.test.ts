import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { lex } from '../../../src/detox/model-form.ts';
import { type Segment, splitSegments } from '../../../src/detox/sentences.ts';
import { expectLinearTime } from '../../support/linear-time.ts';

const WINDOW = 300;
const fits = (form: string) => form.length <= WINDOW;
const split = (text: string): Segment[] => splitSegments(text, lex(text), fits);
const pieces = (text: string): string[] => split(text).map(({ start, end }) => text.slice(start, end));

describe('splitSegments', () => {
  it.each<[string, string[]]>([
    ['You are wrong. I told you! Did I? Yes', ['You are wrong.', 'I told you!', 'Did I?', 'Yes']],
    ['Dr. Patel met Mr. Jones at 3:30 p.m. in Room 4B.', ['Dr. Patel met Mr. Jones at 3:30 p.m. in Room 4B.']],
    ['I live in the U.S. and pay $2.50. It is fine.', ['I live in the U.S. and pay $2.50.', 'It is fine.']],
    ['Use e.g. this one, i.e. Bob. Go.', ['Use e.g. this one, i.e. Bob.', 'Go.']],
    ['See fig. 3 and no. 5. No. I will not.', ['See fig. 3 and no. 5.', 'No.', 'I will not.']],
    ['J. R. R. Tolkien wrote it. I did not.', ['J. R. R. Tolkien wrote it.', 'I did not.']],
    ['Read https://a.b/C.D?e=F. Then go.', ['Read https://a.b/C.D?e=F.', 'Then go.']],
    ['Well... Kevin said so… and left. Bye', ['Well... Kevin said so… and left.', 'Bye']],
    ['shut up. you are wrong. etc. and so on', ['shut up.', 'you are wrong.', 'etc. and so on']],
    ['“Shut up.” He left. (Really!) Yes.', ['“Shut up.”', 'He left.', '(Really!)', 'Yes.']],
    ['What?! 😡 The build broke 😡', ['What?!', '😡 The build broke 😡']],
    ['- one\r\n- two\n\n**three**', ['- one', '- two', '**three**']],
    ['Open utils.py. Version 1.2.3 works at 0.5 speed.', ['Open utils.py.', 'Version 1.2.3 works at 0.5 speed.']],
    [
      'This line was wrapped by somebody whose editor does\nso at a fixed width, and that is no end.',
      ['This line was wrapped by somebody whose editor does\nso at a fixed width, and that is no end.'],
    ],
    ['', []],
    [' \n 😀 ... !!! ', []],
  ])('splits %j', (text, expected) => {
    expect(pieces(text)).toEqual(expected);
  });

  it('cuts a long sentence at clause borders', () => {
    const clause = 'the people who live in that old house on the hill keep very many cats';
    expect(pieces(`First ${clause}, second ${clause} and third ${clause}; fourth ${clause}.`)).toEqual([
      `First ${clause},`,
      `second ${clause}`,
      `and third ${clause};`,
      `fourth ${clause}.`,
    ]);
  });

  it('cuts without a border where there is none, and halves what does not fit the window', () => {
    for (const word of ['word', 'donaudampfschiff'.repeat(4)]) {
      const segments = split(`${word} `.repeat(500));
      expect(segments.every((segment) => segment.fits && segment.tokens.length <= 30)).toBe(true);
      expect(segments.flatMap((segment) => segment.tokens)).toHaveLength(500);
    }
  });

  it('marks a single token that no window holds', () => {
    expect(split(`Look: ${'x'.repeat(400)} !`).map((segment) => segment.fits)).toEqual([true, false]);
  });

  it('puts any text together again byte for byte, and leaves no word out', () => {
    const words = fc.constantFrom(
      'You',
      'are',
      'Dr',
      '.',
      '. ',
      '! ',
      '?!',
      '…',
      '... ',
      ',',
      ' ',
      '\n',
      '\r\n',
      '\t',
      '😀 ',
      '\u200b',
      '“',
      '”',
      '(',
      ')',
      'U.S.',
      '3.5',
      'https://a.b/c. ',
      '@me',
      'and ',
      '\u2028',
      '**',
      'e\u0301',
      'שלום ',
      '你好。',
    );
    const texts = fc.oneof(
      fc.string({ unit: 'binary' }),
      fc.array(words, { maxLength: 120 }).map((parts) => parts.join('')),
    );
    fc.assert(
      fc.property(texts, (text) => {
        let rebuilt = '';
        let at = 0;
        const segments = split(text);
        for (const { start, end } of segments) {
          expect(start).toBeGreaterThanOrEqual(at);
          expect(text.slice(start, end)).toBe(text.slice(start, end).trim());
          rebuilt += text.slice(at, start) + text.slice(start, end);
          at = end;
        }
        expect(rebuilt + text.slice(at)).toBe(text);
        const wordy = (kind: string) => kind !== 'point' && kind !== 'dots';
        expect(segments.flatMap((segment) => segment.tokens).filter(({ kind }) => wordy(kind))).toEqual(
          lex(text).filter(({ kind }) => wordy(kind)),
        );
      }),
      { numRuns: 500 },
    );
  });

  it('takes linear time on hostile texts', async () => {
    await expectLinearTime(['a. ', 'A. b', 'you are. ', '\n', 'a, ', '... ', '😀', 'Dr. ', 'b\u0301\u0323'], split);
    // One gap with many line breaks, and one word with many marks, each of which belongs before those that stand before it.
    expect(pieces(`you idiot${'\n'.repeat(400_000)}x`)).toEqual(['you idiot', 'x']);
    expect(pieces(`you idiot${' \n'.repeat(200_000)}x`)).toEqual(['you idiot', 'x']);
    expect(pieces(`a${'\u0301\u0323'.repeat(200_000)}`)).toHaveLength(1);
  }, 30_000);
});
