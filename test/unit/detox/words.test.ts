import { describe, expect, it } from 'vitest';
import { differences } from '../../../src/detox/align.ts';
import { articleBefore, hasLostHead } from '../../../src/detox/grammar.ts';
import { lex } from '../../../src/detox/model-form.ts';
import { outputForms, planPieces } from '../../../src/detox/plan.ts';
import { repairWords } from '../../../src/detox/repair.ts';

describe('differences', () => {
  const changed = (before: string, after: string): string[] =>
    differences(before.split(' '), after.split(' ')).map(
      ({ from, to, newFrom, newTo }) =>
        `${before.split(' ').slice(from, to).join(' ')} > ${after.split(' ').slice(newFrom, newTo).join(' ')}`,
    );

  it.each<[string, string, string[]]>([
    ['a b c', 'a b c', []],
    ['a b c', 'a x c', ['b > x']],
    ['a b c', 'a c', ['b > ']],
    ['a c', 'a b c', [' > b']],
    ['a b c', 'x y z', ['a b c > x y z']],
    ['you are , like , an idiot', 'you are wrong', [', like , an idiot > wrong']],
    ['he , the boss , is bad', 'the boss is he', ['he , > ', ', > ', 'bad > he']],
    ['why , oh why , did you', 'why did you', [', oh why , > ']],
  ])('of %j and %j', (before, after, expected) => {
    expect(changed(before, after)).toEqual(expected);
  });
});

describe('articleBefore', () => {
  it('goes by sound', () => {
    for (const word of [
      'idea',
      'hour',
      'honest',
      'umbrella',
      'usher',
      'unimportant',
      'uninstalled',
      'onion',
      'heir',
      '8-bit',
      '11',
      '18',
    ])
      expect(articleBefore(word), word).toBe('an');
    for (const word of [
      'user',
      'union',
      'unicorn',
      'european',
      'one-off',
      'one',
      'once',
      'house',
      'usual',
      'person',
      '1',
      '110',
      '@userx',
    ])
      expect(articleBefore(word), word).toBe('a');
  });
});

describe('hasLostHead', () => {
  const check = (source: string, output: string): boolean => {
    const tokens = lex(source);
    return hasLostHead(planPieces(tokens, outputForms(output, tokens)), tokens);
  };

  it.each([
    ["You're such an idiot, Kevin!", "you're such an , kevin !"],
    ["You're such an idiot, Kevin!", "you're such an kevin !"],
    ['What a moron!', 'what a !'],
    ['You are a moron.', 'you are a .'],
    ['You are the stupid.', 'you are the .'],
    ['They are pathetic.', 'they are .'],
    ['This clown broke the build', 'this the build'],
    ['My idiot and I', 'my and i'],
    ['That was boring as hell', 'that was boring as'],
    ['What the fuck is that', 'what the is that'],
    ['It is full of shit.', 'it is full .'],
    ['This patch is crap, see the other', 'this patch is see the other'],
    ['lol, what a dumbass...', 'lol , what a bad ...'],
    ['This sub is full of morons who talk', 'this sub is not being honest who talk'],
    ['Stop being such a crybaby', 'stop being so a crybaby'],
    ['Be less of a dick next time', 'be less of a next time'],
    ['Sam is an idiot and he knows it', 'sam is and he knows it'],
    ['He wipes all of your asses out', 'he wipes all of your out'],
    ['The ending is total shit', 'the ending is total bad'],
    ['He is a total moron but I like him', 'he is a total but i like him'],
  ])('finds what %j lost in %j', (source, output) => {
    expect(check(source, output)).toBe(true);
  });

  it.each([
    ["You're such an idiot, Kevin!", "you're not nice , kevin !"],
    ['What a stupid day!', 'what a day !'],
    ['I want the, uh, stupid thing', 'i want the , uh , thing'],
    ['This is his, you idiot.', 'this is his .'],
    ['your a idiot', 'your not nice'],
    ['You are what you are, moron.', 'you are what you are .'],
    ['An American idiot', 'an american'],
    ['What a moron', 'what a bad man'],
    ['Do you know who the fuck they are', 'do you know who they are'],
  ])('finds nothing wrong with %j, made of %j', (source, output) => {
    expect(check(source, output)).toBe(false);
  });
});

describe('repairWords', () => {
  const known = new Set(['you', 'the', 'a', 'person', 'car', 'half', 'way', 'folder', 'dog']);
  const repair = (source: string, output: string): string =>
    repairWords(lex(source), output.split(' '), known).join(' ');

  it.each([
    ['a slip becomes the word of the source', 'delete requests now', 'delete flyingests now', 'delete requests now'],
    ['each word of the source is used once', 'zoltan zoltana', 'zoltn zoltaan', 'zoltan zoltana'],
    ['a word for something else is dropped', 'you moron', 'you grxx', 'you'],
    ['where all that went is known, it comes back', 'you hide the folder', 'you hide grxx', 'you hide the folder'],
    ['a word too many goes', 'you moron dog', 'you grxx person dog', 'you person dog'],
    ['known words stay', 'you moron', 'you person', 'you person'],
    [
      'plurals, possessives and compounds of known words stay',
      'the moron',
      "cars dog's half-way",
      "cars dog's half-way",
    ],
    ['words from elsewhere in the source stay', 'quux the moron', 'the quux', 'the quux'],
    ['punctuation stays', 'you moron', 'you , person !', 'you , person !'],
  ])('%s', (_, source, output, expected) => {
    expect(repair(source, output)).toBe(expected);
  });
});
