import { describe, expect, it } from 'vitest';
import { createFakeScorer } from '../../support/fake-models.ts';
import { DICTIONARY, processOne, rewriting } from '../../support/fake-policy.ts';

describe('outcomes', () => {
  it('clean: below the threshold, and nothing is asked of the detoxifier', async () => {
    const model = rewriting(DICTIONARY);
    expect(await processOne('Have a nice day!', { detoxifier: model })).toEqual({
      rowNo: 0,
      rowKey: 'k0',
      outcome: 'clean',
      text: 'Have a nice day!',
      detoxified: null,
      toxicityBefore: 0.1,
      toxicityAfter: null,
      similarity: null,
      tokensIn: 7,
      tokensOut: 0,
      meta: null,
    });
    expect(model.calls).toEqual([]);
  });

  it.each(['', ' \n\t', '😀😀', '?!...', '\u200b', '**__**'])('clean without a score: %j has no word', async (text) => {
    expect(await processOne(text)).toMatchObject({ outcome: 'clean', text, toxicityBefore: null, tokensIn: 0 });
  });

  it('detoxified: with tokens of every text the models read, and similarity to the source', async () => {
    const result = await processOne('You are an idiot.');
    expect(result).toMatchObject({
      outcome: 'detoxified',
      detoxified: 'You are a person.',
      toxicityBefore: 0.9,
      toxicityAfter: 0.1,
      tokensIn: 7 + 7 + 7, // the source scored and rewritten, the rewrite scored
      tokensOut: 6,
    });
    expect(result.similarity).toBeCloseTo(0.4126, 3);
  });

  it('still_toxic: less toxic than it was, but not enough', async () => {
    expect(await processOne('You stupid shit')).toMatchObject({
      outcome: 'still_toxic',
      detoxified: 'You shit',
      toxicityBefore: 0.99,
      toxicityAfter: 0.9,
    });
  });

  it('still_toxic: one sentence got better, another could not be rewritten', async () => {
    const result = await processOne('You are an idiot. This is shit.');
    expect(result).toMatchObject({ outcome: 'still_toxic', detoxified: 'You are a person. This is shit.' });
  });

  it('rejected: still toxic, and better by too little to be worth the change', async () => {
    const exceptions = { 'oh shit': 0.9, 'oh poo': 0.89 };
    const result = await processOne('Oh shit', {
      scorer: createFakeScorer({ toxicWords: [], exceptions }),
      detoxifier: rewriting({ shit: 'poo' }),
    });
    expect(result).toMatchObject({ outcome: 'rejected', meta: { detoxq: { guard: ['not_better'] } } });
  });

  it('unchanged: the detoxifier gave it back as it was', async () => {
    expect(await processOne('Oh shit.')).toMatchObject({
      outcome: 'unchanged',
      detoxified: null,
      toxicityBefore: 0.9,
      toxicityAfter: null,
      similarity: null,
      meta: null,
    });
  });

  it('unchanged: only the punctuation differs', async () => {
    const model = rewriting({ 'oh shit .': 'oh , shit !' });
    expect(await processOne('Oh shit.', { detoxifier: model })).toMatchObject({ outcome: 'unchanged' });
  });

  it.each<[string, string, string | { text: string; finished: false }]>([
    ['empty', 'shit !', '!'],
    ['empty', 'shit happens', ''],
    ['runaway', 'oh shit', 'oh well '.repeat(8)],
    ['runaway', 'oh shit', { text: 'oh well', finished: false }],
    ['runaway', 'what a shit day', 'what a very very very day'],
    ['runaway', 'oh shit', `oh w${'o'.repeat(40)}`],
    ['link', 'read the shit at https://a.b now', 'read it now'],
    ['link', 'tell the idiot @sam that it rains', 'tell that it rains'],
    ['number', 'pay the shit 300 euros now', 'pay the euros now'],
    ['number', 'pay the shit 300 euros now', 'pay the 200 euros now'],
    ['grammar', 'you are such an idiot , marta', 'you are such an , marta'],
    ['grammar', 'what a moron', 'what a'],
    ['grammar', 'tell the idiot and his dog', 'tell the and his dog'],
    ['grammar', 'my boss is a complete moron and i hate it', 'my boss is a complete and i hate it'],
    ['grammar', 'it is boring as hell', 'it is boring as'],
    ['meaning', 'the stupid manager of that hotel in rome lied to us', 'us'],
    ['meaning', 'the stupid manager of that hotel in rome lied to us', 'buy my big fuzzy quokka'],
    ['meaning', 'she is a moron , they say', 'she is not a moron , they say'],
    ['meaning', "i don't like idiots", 'i like idiots'],
    ['not_better', 'oh shit', 'oh crap'],
  ])('rejected by the guard %s: %j', async (guard, text, output) => {
    const source = text.replace('@sam', '@userx').replace('https://a.b', 'urlx');
    const result = await processOne(text, { detoxifier: rewriting({ [source]: output }) });
    expect(result).toMatchObject({ outcome: 'rejected', detoxified: null, toxicityAfter: null, similarity: null });
    expect(result.meta).toEqual({ detoxq: { guard: [guard] } });
  });

  it('names a guard that stopped one sentence while another was rewritten', async () => {
    const model = rewriting({ ...DICTIONARY, 'what a moron !': 'what a !' });
    expect(await processOne('What a moron! You are an idiot.', { detoxifier: model })).toMatchObject({
      outcome: 'still_toxic',
      detoxified: 'What a moron! You are a person.',
      meta: { detoxq: { guard: ['grammar'] } },
    });
  });

  it('lets a short insult change altogether', async () => {
    const text = 'Go to hell, you stupid piece of trash.';
    const model = rewriting({ 'go to hell , you stupid piece of trash .': 'please leave me alone .' });
    expect(await processOne(text, { detoxifier: model })).toMatchObject({ detoxified: 'Please leave me alone.' });
  });

  it('lets numbers pass that were spoken words', async () => {
    const model = rewriting({ 'this guy is 2 stupid 4 this job': 'this guy is too slow for this job' });
    expect(await processOne('This guy is 2 stupid 4 this job', { detoxifier: model })).toMatchObject({
      outcome: 'detoxified',
    });
  });
});
