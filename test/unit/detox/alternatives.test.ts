import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { createFakeCandidates, type FakeOutput } from '../../support/fake-candidates.ts';
import { processAll, processOne, rewriting, rowsOf } from '../../support/fake-policy.ts';

const SOURCE = 'the plan is stupid';
const process = (outputs: readonly FakeOutput[], text = 'The plan is stupid') =>
  processOne(text, { detoxifier: createFakeCandidates({ [text.toLowerCase()]: outputs }) });

describe('several candidates', () => {
  it('takes the harmless one over the likelier one that is still toxic', async () => {
    const row = await process([
      ['the plan is crap', -0.1],
      ['the plan is bad', -0.3],
    ]);
    expect(row.detoxified).toBe('The plan is bad');
    expect(row.meta).toEqual({
      detoxq: {
        candidates: [
          {
            taken: 1,
            scores: [{ guard: 'not_better' }, { toxicity: 0.1, similarity: expect.any(Number), fluency: 0.741 }],
          },
        ],
      },
    });
  });

  it('takes the one most like the source among equals, and the more fluent one among likes', async () => {
    const like = await process([
      ['it is bad', -0.2],
      ['the plan is bad', -0.2],
    ]);
    expect(like.detoxified).toBe('The plan is bad');
    const fluent = await process([
      ['the plan is bda', -2],
      ['the plan is bad', -0.2],
    ]);
    expect(fluent.detoxified).toBe('The plan is bad');
  });

  it('throws away what fails a guard, and says which, as long as another is left', async () => {
    const row = await process(
      [
        ['please be kind , and keep it', -0.1],
        ['see you at please be kind', -0.1],
        ['keep it keep it at 9', -0.1],
        ['be there at 9 , you person', -0.9],
      ],
      'be there at 9 , you idiot',
    );
    expect(row.detoxified).toBe('be there at 9 , you person');
    expect(row.meta?.detoxq).toMatchObject({
      candidates: [{ taken: 3, scores: [{ guard: 'number' }, { guard: 'number' }, { guard: 'runaway' }, {}] }],
    });
  });

  it('is rejected with every guard when none is left, and unchanged when all change nothing', async () => {
    const rejected = await process(
      [
        ['be there , you person', -0.1],
        ['be there at 9 , you moron', -0.1],
      ],
      'be there at 9 , you idiot',
    );
    expect(rejected.outcome).toBe('rejected');
    expect(rejected.meta?.detoxq).toMatchObject({
      guard: ['number', 'not_better'],
      candidates: [{ taken: null, scores: [{ guard: 'number' }, { guard: 'not_better' }] }],
    });
    const unchanged = await process([
      [SOURCE, -0.1],
      [SOURCE, -0.2],
    ]);
    expect(unchanged.outcome).toBe('unchanged');
  });

  it('keeps what is in meta already, and adds nothing for a single candidate', async () => {
    const one = await process([['the plan is bad', -0.1]]);
    expect(one.meta).toBeNull();
    const detoxifier = createFakeCandidates({
      [SOURCE]: [
        ['the plan is bad', -0.1],
        ['it is bad', -0.1],
      ],
    });
    const row = { rowNo: 0, rowKey: null, text: SOURCE, meta: { topic: 'plans', detoxq: { repaired: ['nul'] } } };
    const [item] = await processAll([row], { detoxifier });
    expect(item).toMatchObject({
      meta: { topic: 'plans', detoxq: { repaired: ['nul'], candidates: [{ taken: 0 }] } },
    });
  });

  it('counts the tokens of every candidate as written', async () => {
    const row = await process([
      ['the plan is bad', -0.1],
      ['it is bad', -0.2],
    ]);
    expect(row.tokensOut).toBe(5 + 4);
  });

  it('chooses for a row whatever the other rows are', async () => {
    const outputs: Record<string, readonly FakeOutput[]> = {
      'you idiot': [
        ['you person', -0.5],
        ['you', -0.4],
      ],
      'shut up now': [
        ['be quiet now', -0.3],
        ['please now', -0.2],
      ],
      [SOURCE]: [
        ['the plan is crap', -0.1],
        ['the plan is bad', -0.2],
      ],
    };
    const texts = [...Object.keys(outputs), 'a fine day', 'you idiot . shut up now'];
    const alone = new Map<string, unknown>();
    for (const text of texts) {
      const [item] = await processAll(rowsOf([text]), { detoxifier: createFakeCandidates(outputs) });
      alone.set(text, { ...item, rowNo: 0, rowKey: null });
    }
    await fc.assert(
      fc.asyncProperty(fc.array(fc.constantFrom(...texts), { minLength: 1, maxLength: 8 }), async (chosen) => {
        const items = await processAll(rowsOf(chosen), { detoxifier: createFakeCandidates(outputs) });
        expect(items.map((item) => ({ ...item, rowNo: 0, rowKey: null }))).toEqual(
          chosen.map((text) => alone.get(text)),
        );
      }),
      { numRuns: 30 },
    );
  });
});

describe('lost names', () => {
  it('refuses a rewrite that loses a name', async () => {
    const row = await processOne('please tell Marta that the idiot called', {
      detoxifier: rewriting({ 'please tell marta that the idiot called': 'please tell that the person called' }),
    });
    expect(row.outcome).toBe('rejected');
    expect(row.meta?.detoxq).toEqual({ guard: ['name'] });
  });

  it.each([
    [
      'a swear word with a capital is no name',
      'he is such a Moron again',
      { moron: 'fool' },
      'he is such a fool again',
    ],
    ['a word that begins a sentence is none', 'Stupid plan again', { stupid: '' }, 'Plan again'],
    [
      'a name may lose its possessive',
      "it was Marta's idiot",
      { "marta's idiot": 'a person for marta' },
      'it was a person for Marta',
    ],
    ['in a title nothing stands out', 'My Big Stupid Plan', { 'big stupid': '' }, 'My Plan'],
  ])('%s', async (_, text, dictionary, wanted) => {
    const row = await processOne(text, { detoxifier: rewriting(dictionary as Record<string, string>) });
    expect(row.detoxified?.toLowerCase()).toBe(wanted.toLowerCase());
  });
});

describe('repeated phrases', () => {
  it('refuses a rewrite that says a phrase twice running, unless the source does', async () => {
    const stutter = await processOne('what a stupid plan', {
      detoxifier: rewriting({ 'what a stupid plan': 'what a plan what a plan' }),
    });
    expect(stutter.meta?.detoxq).toEqual({ guard: ['runaway'] });
    const own = await processOne('go home go home you idiot', { detoxifier: rewriting({ idiot: 'person' }) });
    expect(own.detoxified).toBe('go home go home you person');
  });
});
