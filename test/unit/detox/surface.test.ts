import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { lex, toModelForm } from '../../../src/detox/model-form.ts';
import { outputForms, planPieces } from '../../../src/detox/plan.ts';
import { type Segment, splitSegments } from '../../../src/detox/sentences.ts';
import { renderPieces } from '../../../src/detox/surface.ts';

/** `text` as one segment, rewritten by a model whose output is `output`. */
function dress(text: string, output: string): string {
  const tokens = lex(text);
  const segment: Segment = { start: 0, end: text.length, tokens, form: toModelForm(text), fits: true };
  return renderPieces(text, segment, planPieces(tokens, outputForms(output, tokens)));
}

describe('renderPieces', () => {
  it.each<[group: string, cases: [source: string, output: string, expected: string][]]>([
    [
      'copies what the model left alone',
      [
        ['You’re  WRONG,Kevin!!', "you're wrong , kevin !", 'You’re  WRONG,Kevin!!'],
        [
          'Honestly, the 2nd half was great — but the ending is total bullshit…',
          'honestly , the 2nd half was great - but the ending is not good ...',
          'Honestly, the 2nd half was great — but the ending is not good…',
        ],
        ['Dr. Patel (3:30 p.m.) is a dumb man', 'dr . patel ( 3:30 p.m . ) is a man', 'Dr. Patel (3:30 p.m.) is a man'],
        ['don ’t be a damn fool', "don't be a fool", 'don ’t be a fool'],
        ['he paid $2,000 for that crap', 'he paid $ 2,000 for that', 'he paid $2,000 for that'],
      ],
    ],
    [
      'does not take changes of bare punctuation',
      [
        ['What the hell?! no', 'what ? no .', 'What?! no'],
        ['stop it you idiot', 'stop it .', 'stop it'],
        ['“Damn” she said', 'wow she said .', '“Wow” she said'],
        ['This is shit!!! :(', 'this is bad', 'This is bad!!! :('],
        ['you got your shit, I got mine', 'you have your own and i have mine', 'you have your own and I have mine'],
        ['THAT IS DUMB', 'that is , not smart !', 'THAT IS NOT SMART'],
      ],
    ],
    [
      'puts new words in the case of their place',
      [
        ['Shut up, Anna.', 'be quiet , anna .', 'Be quiet, Anna.'],
        ['WHY IS THIS STUPID APP SLOW', 'why is this bad app slow', 'WHY IS THIS BAD APP SLOW'],
        ['THIS IDIOT is wrong', 'this fool is wrong', 'THIS FOOL is wrong'],
        ['WTF are you doing', 'what are you doing', 'What are you doing'],
        ['wtf are you doing', 'what are you doing', 'what are you doing'],
        ['Fucking people vote', 'people vote', 'People vote'],
        ['Stupid Kevin broke it', 'kevin broke it', 'Kevin broke it'],
        ['You are dumb.', 'i think you are wrong .', 'I think you are wrong.'],
        ['He is an ass and I hate him', 'he is bad and i dislike him', 'He is bad and I dislike him'],
        ["he's an ass and i hate him", "he's bad and i don't like him", "he's bad and i don't like him"],
        ['this ass', "he's bad and i'm sad", "he's bad and I'm sad"],
        ['@sam You idiot, come', '@userx come', '@sam Come'],
        ['Stop... Idiots like you lose', 'stop ... people like you lose', 'Stop... People like you lose'],
      ],
    ],
    [
      'closes the gap that deleted words leave',
      [
        ['that was fucking great', 'that was great', 'that was great'],
        ['Great, you idiot!', 'great !', 'Great!'],
        ['Kevin, you idiot, well done', 'kevin , well done', 'Kevin, well done'],
        ['You idiot, stop', ', stop', 'Stop'],
        ['Stop calling me stupid, it hurts', 'stop calling me it hurts', 'Stop calling me, it hurts'],
        ['That stupid, ugly dog', 'that ugly dog', 'That ugly dog'],
        ['“fucking great” he said', '" great " he said', '“great” he said'],
        ['He said "fuck" and left', 'he said and left', 'He said and left'],
        ['You (you moron) did it', 'you ( ) did it', 'You did it'],
        ['Well (you moron) done', 'well ( you ) done', 'Well (you) done'],
        ['a stupid/ugly thing', 'a bad / ugly thing', 'a bad/ugly thing'],
        ['first line\nfucking second', 'first line second', 'first line\nsecond'],
        ['you you idiot you win', 'you you win', 'you you win'],
        ['Fuck off! Go', '! go', 'Go'],
      ],
    ],
    [
      'keeps emoji, links, mentions and Markdown in their places',
      [
        ['boring as hell 🥱, but fine', 'boring , but fine', 'boring 🥱, but fine'],
        ['you 😡 fucking 😡 idiot 👍🏽', 'you person', 'you 😡 person 😡 👍🏽'],
        ['go to hell 😂😂', 'go away', 'go away 😂😂'],
        ['your PR is **fucking** great', 'your pr is great', 'your PR is great'],
        ['your PR is **shit** today', 'your pr is bad today', 'your PR is **bad** today'],
        ['you *stupid idiot*, go', 'you sir , go', 'you *sir*, go'],
        ['the *fucking idea* is', 'the idea is', 'the *idea* is'],
        ['**Damn:** see `a.py` you ass', 'note : see a.py', '**Note:** see `a.py`'],
        [
          '@a_b you ass, see https://x.y/z?q=1. Idiot! @c',
          'urlx see urlx . urlx @userx !',
          '@a_b see https://x.y/z?q=1. @c',
        ],
        ['the ass at www.a.b hates @joe now', 'the person @userx hates urlx now', 'the person @joe hates www.a.b now'],
        ['you 😀 fool 😡 see @joe 😎 now', 'you @userx fool see now', 'you 😀 @joe fool 😡 see 😎 now'],
        ['read this shit', 'read urlx this @userx', 'read this'],
      ],
    ],
    [
      'makes a and an agree after a change',
      [
        ['It was a stupid idea', 'it was a idea', 'It was an idea'],
        ['An ugly user wrote', 'an user wrote', 'A user wrote'],
        ['A STUPID HOUR', 'a hour', 'AN HOUR'],
        ['He is an idiot', 'he is an bad man', 'He is a bad man'],
        ['a apple and a damn orange', 'a apple and a orange', 'a apple and an orange'],
      ],
    ],
    [
      'spaces new words',
      [
        ['You are dumb', 'sorry , you are wrong', 'Sorry, you are wrong'],
        ['Stop (idiot)', 'stop ( please )', 'Stop (please)'],
        ['so bad', 'so bad for you', 'so bad for you'],
        ['so bad!', 'so bad for you !', 'so bad for you!'],
        ['see "it"', 'see " all of it "', 'see "all of it"'],
        ['hello,idiot,bye', 'hello , sir , bye', 'hello,sir,bye'],
      ],
    ],
    [
      'takes output that is not in model form',
      [['Well, you ARE an idiot.', 'Well, you are NOT smart.', 'Well, you ARE not smart.']],
    ],
  ])('%s', (_, cases) => {
    for (const [source, output, expected] of cases)
      expect(dress(source, output), `${source} / ${output}`).toBe(expected);
  });

  const texts = fc.oneof(
    fc.string({ unit: 'binary', maxLength: 80 }),
    fc.string({ unit: 'grapheme', maxLength: 80 }),
    fc
      .array(
        fc.constantFrom(
          ...[
            'You',
            'are',
            ' ',
            '  ',
            '\t',
            '\r\n',
            '\n',
            'IDIOT',
            'don ’t',
            'an',
            'a',
            ',',
            '.',
            '!!',
            '?!',
            '…',
            '...',
          ],
          ...[
            '“',
            '”',
            '"',
            '(',
            ')',
            '**',
            '_',
            '`',
            '👨‍👩‍👧‍👦',
            '😡',
            '\u200b',
            '\u202e',
            '\ufeff',
            'e\u0301',
            '\u0301',
            'שלום',
            'عربي',
          ],
          ...[
            'https://a.b/c_(d).',
            '@me',
            '$2,000',
            'f*ck',
            'Dr.',
            '½',
            'ﬁ',
            'İ',
            'ß',
            '中文',
            '-',
            '—',
            '/',
            "'",
            '#tag',
            '\u00a0',
          ],
        ),
        { maxLength: 40 },
      )
      .map((parts) => parts.join('')),
  );

  it('gives the source back byte for byte when the output is the normalised source', () => {
    fc.assert(
      fc.property(texts, (text) => {
        for (const segment of splitSegments(text, lex(text), () => true)) {
          const pieces = planPieces(segment.tokens, outputForms(segment.form, segment.tokens));
          expect(renderPieces(text, segment, pieces)).toBe(text.slice(segment.start, segment.end));
        }
      }),
      { numRuns: 2000 },
    );
  });

  it('copies every token that stays, in order, whatever the model does to the rest', () => {
    const words = fc.constantFrom(
      'you',
      'person',
      'not',
      ',',
      '.',
      '!',
      '"',
      '(',
      'urlx',
      '@userx',
      'an',
      '...',
      '😀',
      'Ünï',
    );
    const edits = fc.array(fc.tuple(fc.nat(), fc.nat(3), words), { maxLength: 6 });
    fc.assert(
      fc.property(texts, edits, (text, changes) => {
        for (const segment of splitSegments(text, lex(text), () => true)) {
          const output = segment.form.split(' ');
          for (const [at, remove, word] of changes) output.splice(at % (output.length + 1), remove, word);
          const pieces = planPieces(segment.tokens, outputForms(output.join(' '), segment.tokens));
          const result = renderPieces(text, segment, pieces);
          let from = 0;
          for (const { source, form } of pieces) {
            const token = source === null ? undefined : segment.tokens[source];
            if (token === undefined || form === 'a' || form === 'an') continue;
            const raw = text.slice(token.start, token.end);
            const found = result.toLowerCase().indexOf(raw.toLowerCase(), from);
            expect(found, JSON.stringify([text, output, raw, result])).toBeGreaterThanOrEqual(from);
            from = found + raw.length;
          }
        }
      }),
      { numRuns: 1000 },
    );
  });

  it('takes little time for a long segment', () => {
    const text = 'You are an idiot, but I like it. '.repeat(100);
    expect(dress(text, toModelForm(text).replaceAll('an idiot', 'wrong'))).toBe(text.replaceAll('an idiot', 'wrong'));
  });
});
