import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import fc from 'fast-check';
import { afterAll, describe, expect, test } from 'vitest';
import type { Precision } from '../../src/contract/models.ts';
import { loadDetoxifier, loadScorer } from '../../src/engine/index.ts';
import { detoxifierScales, scorerScales } from '../support/measured-scales.ts';
import { TINY, TINY_GENERATORS } from '../support/tiny-checkpoints.ts';

/*
 * The result of a text never depends on the other texts of the call, on their order, or on how the rows are batched.
 * Logits and tokens are compared exactly. The tiny models have random weights, whose greedy outputs are chaotic: one
 * wrong bit early on gives other tokens later.
 */

const cacheFolder = mkdtempSync(join(tmpdir(), 'detoxq-engine-'));
afterAll(() => rmSync(cacheFolder, { recursive: true }));

const word = fc.constantFrom(
  'you',
  'the',
  'trains',
  'late',
  'nobody',
  'soup',
  '.',
  ',',
  '!',
  'zoë',
  'kevin',
  'xyzzy',
  '40',
);
const text = fc.array(word, { maxLength: 70 }).map((words) => words.join(' '));
const texts = fc.uniqueArray(text, { minLength: 1, maxLength: 24 });
/** Limits of a batch that decide nothing but speed. */
const limits = fc.record({
  maxBatchTokens: fc.constantFrom(1, 64, 200, 1000),
  maxRows: fc.constantFrom(1, 2, 5, 128),
});

/** Two logits of the longer text, in tiny-gpt2-untied, are so close that one other bit gives another token. */
const NEAR_TIE = ['you nobody . 40 , kevin ! kevin zoë trains', ''];

/** Bits of the logits: `toEqual` would take 0 and -0, or NaN and NaN, for equal. */
function bits(values: readonly number[]): string {
  return Buffer.from(Float32Array.from(values).buffer).toString('hex');
}

/** What scales are measured on; other texts may well go beyond them. */
const MEASURED = ['you are late .', 'the soup , nobody !', 'kevin xyzzy 40'];

describe.each<Precision>(['int8', 'int8-static', 'fp32'])('%s', (precision) => {
  test('scores are bitwise the same alone and in any batch', async () => {
    const name = 'tiny-roberta';
    const checkpoint = { folder: join(TINY, name), name, precision, cacheFolder };
    const scales = precision === 'int8-static' ? await scorerScales(checkpoint, MEASURED) : undefined;
    const open = (maxBatchTokens: number) => loadScorer({ ...checkpoint, scales, maxBatchTokens });
    const alone = await open(1);
    await fc.assert(
      fc.asyncProperty(texts, limits, async (batch, { maxBatchTokens }) => {
        const scorer = await open(maxBatchTokens);
        const together = await scorer.score(batch);
        const reversed = (await scorer.score(batch.toReversed())).toReversed();
        for (const [i, each] of batch.entries()) {
          const [expected] = await alone.score([each]);
          expect(bits(together[i]!.logits)).toBe(bits(expected!.logits));
          expect(bits(reversed[i]!.logits)).toBe(bits(expected!.logits));
        }
        await scorer.close();
      }),
      { numRuns: 25 },
    );
    await alone.close();
  });

  test.each(TINY_GENERATORS)('rewrites of %s are the same alone and in any batch', async (name) => {
    const generation = { max_new_tokens: 60 };
    const checkpoint = { folder: join(TINY, name), name, precision, cacheFolder, generation };
    const scales = precision === 'int8-static' ? await detoxifierScales(checkpoint, MEASURED) : undefined;
    const open = (batching: { maxBatchTokens: number; maxRows: number }) =>
      loadDetoxifier({ ...checkpoint, scales, ...batching });
    const alone = await open({ maxBatchTokens: 1, maxRows: 1 });
    await fc.assert(
      fc.asyncProperty(texts, limits, async (batch, batching) => {
        const detoxifier = await open(batching);
        const together = await detoxifier.rewrite(batch);
        const reversed = (await detoxifier.rewrite(batch.toReversed())).toReversed();
        for (const [i, each] of batch.entries()) {
          const [expected] = await alone.rewrite([each]);
          expect(together[i]).toEqual(expected);
          expect(reversed[i]).toEqual(expected);
        }
        await detoxifier.close();
      }),
      { numRuns: 7, examples: [[NEAR_TIE, { maxBatchTokens: 1, maxRows: 5 }]] },
    );
    await alone.close();
  });
});
