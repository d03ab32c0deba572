import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, test } from 'vitest';
import type { Precision } from '../../src/contract/models.ts';
import { loadDetoxifier, loadScorer } from '../../src/engine/index.ts';
import { collectScales } from '../../src/engine/runtime/static-scales.ts';
import { detoxifierScales, scorerScales } from '../support/measured-scales.ts';
import { readReferences } from '../support/references.ts';

/* int8-static on the bundled models: scales from a third of examples/comments.csv, looked at on the others. */

const ROOT = join(import.meta.dirname, '../..');
const cacheFolder = mkdtempSync(join(tmpdir(), 'detoxq-engine-'));
afterAll(() => rmSync(cacheFolder, { recursive: true }));

const bundled = (name: string, precision: Precision) => {
  return { folder: join(ROOT, 'models', name), name, precision, cacheFolder };
};
/** As transformers in fp32 has them. */
const references = (name: string) => readReferences(join(ROOT, 'test/fixtures/references', `${name}.jsonl`));
const split = <T>(rows: readonly T[]) => {
  return { measured: rows.filter((_, i) => i % 3 === 0), others: rows.filter((_, i) => i % 3 !== 0) };
};

describe('a scorer', () => {
  const { measured, others } = split(references('nano-roberta').map(({ text }) => text));
  const options = bundled('nano-roberta', 'int8-static');

  test('gives the labels of fp32, and nearly its probabilities, on rows that its scales have not seen', async () => {
    const scales = await scorerScales(options, measured);
    const [exact, fast] = await Promise.all(
      [bundled('nano-roberta', 'fp32'), { ...options, scales }].map(async (each) => {
        const scorer = await loadScorer(each);
        const scores = await scorer.score(others);
        await scorer.close();
        return scores.map(({ toxicity }) => toxicity);
      }),
    );
    const distances = others.map((_, i) => Math.abs(exact![i]! - fast![i]!));
    expect(others.filter((_, i) => exact![i]! >= 0.5 !== fast![i]! >= 0.5)).toEqual([]);
    expect(distances.reduce((sum, distance) => sum + distance, 0) / others.length).toBeLessThan(0.01);
    // And it is not int8 under another name.
    expect(Math.max(...distances)).toBeGreaterThan(0);
  });

  test('computes by the scales that it is given: coarse ones spoil it', async () => {
    const scales = await scorerScales(options, measured);
    const coarse = Object.fromEntries(Object.entries(scales).map(([site, scale]) => [site, 100 * scale]));
    const scorer = await loadScorer({ ...options, scales: coarse });
    const toxicities = (await scorer.score(others)).map(({ toxicity }) => toxicity);
    await scorer.close();
    expect(Math.max(...toxicities) - Math.min(...toxicities)).toBeLessThan(0.2);
  });

  test('is not loaded without scales, or with one too few, and says which', async () => {
    await expect(loadScorer(options)).rejects.toThrow(/needs a scale for .*query: int8-static is for runs/);
    const scales = { ...(await scorerScales(options, measured)) };
    const [last = ''] = Object.keys(scales).slice(-1);
    delete (scales as Record<string, number>)[last];
    await expect(loadScorer({ ...options, scales })).rejects.toThrow(`needs a scale for ${last}`);
    await expect(loadScorer({ ...options, scales: { ...scales, [last]: 0 } })).rejects.toThrow(last);
  });

  test('measures without changing a result, and the same however rows are batched', async () => {
    const int8 = bundled('nano-roberta', 'int8');
    const plain = await loadScorer(int8);
    const expected = await plain.score(measured);
    await plain.close();
    const found = await Promise.all(
      [1, 64, 1000].map(async (maxBatchTokens) => {
        const { onScale, scales } = collectScales();
        const scorer = await loadScorer({ ...int8, maxBatchTokens, onScale });
        expect(await scorer.score(measured)).toEqual(expected);
        await scorer.close();
        return scales();
      }),
    );
    expect(found[1]).toEqual(found[0]);
    expect(found[2]).toEqual(found[0]);
  });
});

describe.each(['nano-bart', 'nano-t5', 'nano-gpt2'])('%s', (name) => {
  const rows = references(name);
  const { measured, others } = split(rows.map(({ text }) => text));

  test.each([
    ['greedy', { num_beams: 1 }],
    ['beam search', { num_beams: 3 }],
  ])('%s gives most of the outputs of int8', async (_, generation) => {
    const options = { ...bundled(name, 'int8-static'), generation };
    const scales = await detoxifierScales(options, measured);
    const [exact, fast] = await Promise.all(
      [bundled(name, 'int8'), { ...options, scales }].map(async (each) => {
        const detoxifier = await loadDetoxifier({ ...each, generation });
        const outputs = await detoxifier.rewrite(others);
        await detoxifier.close();
        return outputs.map(({ text }) => text);
      }),
    );
    const equal = others.filter((_, i) => exact![i] === fast![i]).length;
    expect(equal / others.length).toBeGreaterThan(0.8);
  });
});
