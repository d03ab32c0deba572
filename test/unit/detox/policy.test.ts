import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { Detoxifier, Scorer } from '../../../src/contract/models.ts';
import { createPolicy } from '../../../src/detox/policy.ts';
import { createFakeDetoxifier, createFakeScorer } from '../../support/fake-models.ts';
import {
  DICTIONARY,
  detoxifier,
  isResult,
  processAll,
  processOne,
  rewriting,
  rowsOf,
  scorer,
  TOXIC_WORDS,
} from '../../support/fake-policy.ts';
import { expectLinearTime } from '../../support/linear-time.ts';

describe('createPolicy', () => {
  it.each([
    [
      "You're such an IDIOT, Marta!! Read https://docs.example.org/setup before you post again.",
      "You're not very smart, Marta!! Read https://docs.example.org/setup before you post again.",
    ],
    [
      '@leo_k what the fuck were you thinking?! 😡 It was fine until YOU touched it…',
      '@leo_k what were you thinking?! 😡 It was fine until YOU touched it…',
    ],
    ['WHY IS THIS STUPID APP CRASHING AGAIN', 'WHY IS THIS APP CRASHING AGAIN'],
    [
      'Honestly, the second half was great — but the ending is total shit.',
      'Honestly, the second half was great — but the ending is not good.',
    ],
    ['I don’t give a damn about your “roadmap”, fix it.', 'I don’t care about your “roadmap”, fix it.'],
    [
      "Dr. Okafor's talk (3:30 p.m., Room 4B) was boring as hell 🥱, but the slides help.",
      "Dr. Okafor's talk (3:30 p.m., Room 4B) was boring 🥱, but the slides help.",
    ],
    ['Shut up.\n\nThe train leaves at 7:40; be early.', 'Be quiet.\n\nThe train leaves at 7:40; be early.'],
    [
      'This f*cking moron deleted the requests-toolbelt folder!!!',
      'This person deleted the requests-toolbelt folder!!!',
    ],
    ['lol, what a dumbass... he paid $2,000 for it', 'lol, what a fool... he paid $2,000 for it'],
    ['**Note:** your PR is crap, see #4312 and `src/app.py`.', '**Note:** your PR is bad, see #4312 and `src/app.py`.'],
    ['It was a stupid idea, and an idiot like me bought it 🙈', 'It was an idea, and a person like me bought it 🙈'],
    ['That was fucking amazing!!! ⚽⚽', 'That was amazing!!! ⚽⚽'],
    ['"Idiots," he said, "stupid idiots."', '"People," he said, "people."'],
  ])('changes only the toxic words of %j', async (text, expected) => {
    expect(await processOne(text)).toMatchObject({ outcome: 'detoxified', text, detoxified: expected });
  });

  it('changes only the toxic sentence of a long text', async () => {
    const quiet = 'The  meeting is at 9:00 — bring “your” laptop, see https://a.b/c?d=E!\r\n\tThanks 🙏🏽 …\n\n';
    const before = quiet.repeat(40);
    const result = await processOne(`${before}You are an idiot, Sam! ${before}`);
    expect(result).toMatchObject({ outcome: 'detoxified', toxicityBefore: 0.9, toxicityAfter: 0.1 });
    expect(result.detoxified).toBe(`${before}You are a person, Sam! ${before}`);
  });

  it('rewrites a rewrite once more if it is still toxic', async () => {
    const model = rewriting({ 'you fucking idiot': 'you stupid person', stupid: 'silly' });
    const result = await processOne('You fucking idiot', { detoxifier: model });
    expect(result).toMatchObject({ outcome: 'detoxified', detoxified: 'You silly person', tokensOut: 8 });
    expect(model.calls).toHaveLength(2);
  });

  it('leaves out edits that the scorer does not need', async () => {
    const source = 'the idiot drove us in his old blue car to rome';
    const needless = rewriting({ [source]: 'the person drove us in his new blue car to the city' });
    expect(await processOne('The idiot drove us in his old blue car to Rome', { detoxifier: needless })).toMatchObject({
      outcome: 'detoxified',
      detoxified: 'The person drove us in his old blue car to Rome',
    });
    const broken = rewriting({ [source]: 'the person drove us in his blue car to the' });
    expect(await processOne('The idiot drove us in his old blue car to Rome', { detoxifier: broken })).toMatchObject({
      outcome: 'detoxified',
      detoxified: 'The person drove us in his old blue car to Rome',
      meta: null,
    });
  });

  it('never takes half of a change: a negation stays with what it negates', async () => {
    const model = rewriting({ 'my boss is a complete idiot to us': 'my boss is not a nice person to us' });
    expect(await processOne('My boss is a complete idiot to us', { detoxifier: model })).toMatchObject({
      detoxified: 'My boss is not a nice person to us',
    });
  });

  it('keeps an edit without which the text stays near the threshold', async () => {
    const exceptions = {
      'odd he is to us and mean': 0.8,
      'nice he is to us and mean': 0.4,
      'odd he is to us and kind': 0.6,
      'nice he is to us and kind': 0.1,
    };
    const result = await processOne('Odd he is to us and mean', {
      scorer: createFakeScorer({ toxicWords: [], exceptions }),
      detoxifier: rewriting({ odd: 'nice', mean: 'kind' }),
    });
    expect(result.detoxified).toBe('Nice he is to us and kind');
  });

  it('rewrites the most toxic sentence where only the whole is toxic', async () => {
    const exceptions = { 'look at you . so clever . bye': 0.8, 'so clever .': 0.3 };
    const model = rewriting({ 'so clever .': 'so nice .' });
    const result = await processOne('Look at you. So clever. Bye', {
      scorer: createFakeScorer({ toxicWords: [], exceptions }),
      detoxifier: model,
    });
    expect(result).toMatchObject({
      outcome: 'detoxified',
      detoxified: 'Look at you. So nice. Bye',
      toxicityBefore: 0.8,
    });
  });

  it('asks about the whole only where a sentence is doubtful', async () => {
    const harmless = { 'fine .': 0.01, 'thank you .': 0.049 };
    const exceptions = { ...harmless, 'so so .': 0.05, 'fine . thank you .': 0.9, 'fine . so so .': 0.4 };
    const watched = createFakeScorer({ toxicWords: TOXIC_WORDS, exceptions });
    const rows = rowsOf(['Fine. Thank you.', 'Fine. So so.']);
    expect(await processAll(rows, { scorer: watched })).toMatchObject([
      { outcome: 'clean', toxicityBefore: 0.049, tokensIn: 4 + 5 },
      { outcome: 'clean', toxicityBefore: 0.4, tokensIn: 4 + 5 + 7 },
    ]);
    expect(watched.calls.flat()).not.toContain('fine . thank you .');
  });

  it('keeps the first text when the rewrite makes the whole worse', async () => {
    const exceptions = { 'so mean .': 0.6, 'so odd .': 0.4, 'you . so mean .': 0.7, 'you . so odd .': 0.9 };
    const result = await processOne('You. So mean.', {
      scorer: createFakeScorer({ toxicWords: [], exceptions }),
      detoxifier: rewriting({ mean: 'odd' }),
    });
    expect(result).toMatchObject({
      outcome: 'rejected',
      detoxified: null,
      meta: { detoxq: { guard: ['not_better'] } },
    });
  });

  it('puts misspelt words right where the checkpoint vouches for its words', async () => {
    const known = ['you', 'are', 'a', 'person', 'the', 'and', 'wrong'];
    const model = rewriting({ requests: 'flyingests', idiot: 'persn', zoltan: 'zoltan' }, known);
    const result = await processOne('You are the idiot, and Requests is wrong', { detoxifier: model });
    expect(result.detoxified).toBeNull(); // `persn` is dropped, and `the` has nothing left
    const better = rewriting({ requests: 'flyingests', 'the idiot': 'a person' }, known);
    expect(await processOne('You are the idiot, and Requests is wrong', { detoxifier: better })).toMatchObject({
      detoxified: 'You are a person, and Requests is wrong',
    });
  });

  it('passes meta on, and adds to the notes that are there', async () => {
    const meta = { topic: 'cars', detoxq: { repaired: ['nul'] } };
    const rows = ['Have a nice day', 'what a moron'].map((text, rowNo) => ({ rowNo, rowKey: null, text, meta }));
    const [clean, rejected] = await processAll(rows, { detoxifier: rewriting({ moron: '' }) });
    expect(clean).toMatchObject({ meta });
    expect(isResult(rejected) && rejected.meta).toEqual({
      topic: 'cars',
      detoxq: { repaired: ['nul'], guard: ['grammar'] },
    });
  });

  it('asks the models about all rows at once, and about equal texts once', async () => {
    const counting = createFakeScorer({ toxicWords: TOXIC_WORDS });
    const model = rewriting(DICTIONARY);
    const texts = ['You idiot.', 'Fine.', 'YOU IDIOT.', 'Fine.', 'Stupid cat'];
    await processAll(rowsOf(texts), { scorer: counting, detoxifier: model });
    expect(counting.calls).toEqual([
      ['you idiot .', 'fine .', 'stupid cat'],
      ['you person .', 'cat'],
    ]);
    expect(model.calls).toEqual([['you idiot .', 'stupid cat']]);
  });

  it('never gives a model a text that is longer than its window', async () => {
    const small = createFakeScorer({ toxicWords: TOXIC_WORDS, maxInputTokens: 12 });
    const model = createFakeDetoxifier({ dictionary: DICTIONARY, maxInputTokens: 10 });
    const text = `${'you idiot and some more words '.repeat(20)} ${'x'.repeat(5000)}`;
    const result = await processOne(text, { scorer: small, detoxifier: model });
    expect(result.detoxified).toBe(text.replaceAll('idiot', 'person'));
    const longest = (fake: { calls: (readonly string[])[] }) =>
      Math.max(...fake.calls.flat().map((form) => form.split(' ').length + 2));
    expect(longest(small)).toBeLessThanOrEqual(12);
    expect(longest(model)).toBeLessThanOrEqual(10);
  });

  it('gives a row the same result alone and among any others', async () => {
    const parts = fc.constantFrom(
      'You ',
      'idiot',
      '. ',
      'stupid ',
      'fine',
      '! ',
      'shut up',
      ', ',
      '😀 ',
      '@me ',
      '3 ',
      'an ',
      '\n',
    );
    const texts = fc.array(
      fc.array(parts, { maxLength: 12 }).map((list) => list.join('')),
      { maxLength: 8 },
    );
    await fc.assert(
      fc.asyncProperty(texts, async (list) => {
        const together = await processAll(rowsOf(list));
        for (const row of rowsOf(list)) {
          const [alone] = await processAll([{ ...row, rowNo: 0 }]);
          expect({ ...alone, rowNo: row.rowNo }).toEqual(together[row.rowNo]);
        }
      }),
    );
  });

  it('stores the toxicity that another run finds in the rewrite', async () => {
    const parts = fc.constantFrom(
      'You ',
      'idiot',
      '. ',
      'stupid shit ',
      'fine',
      '! ',
      'shut up',
      ', ',
      '(',
      '" ',
      'U.S. ',
      '\n',
    );
    const texts = fc.array(parts, { maxLength: 15 }).map((list) => list.join(''));
    await fc.assert(
      fc.asyncProperty(texts, async (text) => {
        const { detoxified, toxicityAfter } = await processOne(text);
        if (detoxified !== null) expect(await processOne(detoxified)).toMatchObject({ toxicityBefore: toxicityAfter });
      }),
      { numRuns: 300 },
    );
  });

  it('gives a row back byte for byte when the detoxifier changes nothing', async () => {
    const everything = createFakeScorer({ toxicWords: [] });
    const same = createFakeDetoxifier({ dictionary: {} });
    await fc.assert(
      fc.asyncProperty(fc.string({ unit: 'binary', maxLength: 100 }), async (text) => {
        const result = await processOne(text, { scorer: everything, detoxifier: same, threshold: 0 });
        expect(['clean', 'unchanged']).toContain(result.outcome);
        expect(result.text).toBe(text);
      }),
    );
  });

  it('fails only the row on which the text code fails', async () => {
    const picky: Scorer = {
      ...scorer,
      countTokens: (text) => {
        if (text.startsWith('break')) throw new TypeError('secret words');
        return scorer.countTokens(text);
      },
    };
    const known = new Set(['person']);
    known.has = (word) => {
      if (word === 'burst') throw new TypeError('secret words');
      return word === 'person';
    };
    const model: Detoxifier = { ...rewriting({ idiot: 'person', moron: 'burst' }), knownWords: known };
    const rows = rowsOf([`break ${'long '.repeat(80)}`, 'You idiot', 'You moron']);
    const items = await processAll(rows, { scorer: picky, detoxifier: model });
    expect(items).toMatchObject([
      { rowNo: 0, rowKey: 'k0', fault: { stage: 'score', code: 'text_code_failed' } },
      { outcome: 'detoxified', detoxified: 'You person' },
      { rowNo: 2, rowKey: 'k2', fault: { stage: 'rewrite', code: 'text_code_failed' } },
    ]);
    expect(JSON.stringify(items)).not.toContain('secret');
  });

  it('rejects with what a model rejects with, after the clean rows', async () => {
    const seen: number[] = [];
    const broken: Detoxifier = { ...detoxifier, rewrite: () => Promise.reject(new Error('out of memory')) };
    const policy = createPolicy({ scorer, detoxifier: broken, threshold: 0.5 });
    const run = policy.process(rowsOf(['Fine', 'You idiot', '']), ({ rowNo }) => seen.push(rowNo));
    await expect(run).rejects.toThrow('out of memory');
    expect(seen.sort()).toEqual([0, 2]);
    const silent: Scorer = { ...scorer, score: () => Promise.resolve([]) };
    await expect(
      createPolicy({ scorer: silent, detoxifier, threshold: 0.5 }).process(rowsOf(['a']), () => {}),
    ).rejects.toThrow('0 answers to 1 texts');
  });

  it('takes linear time on hostile texts, and gives them back', async () => {
    const units = [
      '😀',
      'a',
      'idiot ',
      'You idiot. ',
      '(',
      '"',
      'an ',
      '**idiot** ',
      '@me ',
      "'",
      'e\u0301 ',
      '\n',
      'idiot, ',
    ];
    await expectLinearTime(units, async (text) => expect((await processOne(text)).text).toBe(text));
  }, 60_000);
});
