import { cpSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, test } from 'vitest';
import { loadDetoxifier, loadScorer } from '../../src/engine/index.ts';
import { readReferences } from '../support/references.ts';
import { isDecoderOnly, TINY, TINY_GENERATORS, tinyReferences } from '../support/tiny-checkpoints.ts';

const ODD = join(import.meta.dirname, '../fixtures/references');
const cacheFolder = mkdtempSync(join(tmpdir(), 'detoxq-engine-'));
afterAll(() => rmSync(cacheFolder, { recursive: true }));

describe('greedy search in fp32 gives the tokens of transformers', () => {
  test.each(TINY_GENERATORS)('%s', async (name) => {
    const expected = tinyReferences(name);
    const detoxifier = await loadDetoxifier({ folder: join(TINY, name), name, precision: 'fp32', cacheFolder });
    const rewrites = await detoxifier.rewrite(expected.map((row) => row.text));
    expect(rewrites.map((row) => row.tokens)).toEqual(expected.map((row) => row.tokens));
    expect(rewrites.map((row) => row.text)).toEqual(expected.map((row) => row.output));
    expect(rewrites.map((row) => row.inputTokens)).toEqual(expected.map((row) => row.input_tokens.length));
    // The fixtures allow 39 or 30 new tokens; an end token that was forced there does not make a row finished.
    const limit = isDecoderOnly(name) ? 30 : 39;
    expect(rewrites.map((row) => row.finished)).toEqual(expected.map((row) => row.tokens.length < limit));
    await detoxifier.close();
  });
});

test('a BART whose config names the norms of an MBart is computed as one', async () => {
  const folder = mkdtempSync(join(tmpdir(), 'detoxq-engine-'));
  cpSync(join(TINY, 'tiny-mbart'), folder, { recursive: true });
  const config = JSON.parse(readFileSync(join(folder, 'config.json'), 'utf8'));
  const norms = { normalize_before: true, add_final_layer_norm: true, normalize_embedding: true };
  const changed = { ...config, ...norms, architectures: ['BartForConditionalGeneration'] };
  writeFileSync(join(folder, 'config.json'), JSON.stringify(changed));
  const expected = tinyReferences('tiny-mbart');
  const detoxifier = await loadDetoxifier({ folder, name: 'old', precision: 'fp32', cacheFolder });
  const rewrites = await detoxifier.rewrite(expected.map((row) => row.text));
  expect(rewrites.map((row) => row.tokens)).toEqual(expected.map((row) => row.tokens));
  await detoxifier.close();
  rmSync(folder, { recursive: true });
});

test('texts that nobody writes get the tokens of transformers too', async () => {
  const name = 'tiny-bart';
  const expected = readReferences(join(ODD, 'tiny-bart-odd.jsonl'));
  const detoxifier = await loadDetoxifier({ folder: join(TINY, name), name, precision: 'fp32', cacheFolder });
  const rewrites = await detoxifier.rewrite(expected.map((row) => row.text));
  expect(rewrites.map((row) => row.tokens)).toEqual(expected.map((row) => row.tokens));
  expect(rewrites.map((row) => row.text)).toEqual(expected.map((row) => row.output));
  await detoxifier.close();
});

test.each([
  ['the committed texts', join(TINY, 'tiny-roberta/reference.jsonl')],
  ['texts that nobody writes, a literal <pad> among them', join(ODD, 'tiny-roberta-odd.jsonl')],
])('a scorer in fp32 gives the logits of transformers within 1e-4: %s', async (_, file) => {
  const expected = readReferences(file);
  const folder = join(TINY, 'tiny-roberta');
  const scorer = await loadScorer({ folder, name: 'tiny-roberta', precision: 'fp32', cacheFolder });
  const scores = await scorer.score(expected.map((row) => row.text));
  scores.forEach((score, i) => {
    expect(score.inputTokens).toBe(expected[i]!.input_tokens.length);
    score.logits.forEach((logit, label) => {
      expect(Math.abs(logit - expected[i]!.logits[label]!)).toBeLessThan(1e-4);
    });
    expect(score.toxicity).toBeCloseTo(expected[i]!.probabilities[1]!, 4);
  });
  await scorer.close();
});
