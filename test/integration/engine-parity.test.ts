import { cpSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, test } from 'vitest';
import { loadDetoxifier, loadScorer } from '../../src/engine/load.ts';

/** One row of training/reference.py. */
interface Reference {
  readonly text: string;
  readonly input_tokens: readonly number[];
  readonly tokens: readonly number[];
  readonly output: string;
  readonly logits: readonly number[];
  readonly probabilities: readonly number[];
}

const FIXTURES = join(import.meta.dirname, '../fixtures/checkpoints');
const ODD = join(import.meta.dirname, '../fixtures/references');
const cacheFolder = mkdtempSync(join(tmpdir(), 'detoxq-engine-'));
afterAll(() => rmSync(cacheFolder, { recursive: true }));

function references(name: string, file = join(FIXTURES, name, 'reference.jsonl')): Reference[] {
  const lines = readFileSync(file, 'utf8').trim().split('\n');
  return lines.map((line) => JSON.parse(line));
}

describe('greedy search in fp32 gives the tokens of transformers', () => {
  test.each([
    'tiny-bart',
    'tiny-bart-scaled',
    'tiny-bart-untied',
    'tiny-bart-forced',
    'tiny-mbart',
    'tiny-t5',
    'tiny-t5-gated',
    'tiny-gpt2',
    'tiny-gpt2-untied',
  ])('%s', async (name) => {
    const expected = references(name);
    const detoxifier = await loadDetoxifier({ folder: join(FIXTURES, name), name, precision: 'fp32', cacheFolder });
    const rewrites = await detoxifier.rewrite(expected.map((row) => row.text));
    expect(rewrites.map((row) => row.tokens)).toEqual(expected.map((row) => row.tokens));
    expect(rewrites.map((row) => row.text)).toEqual(expected.map((row) => row.output));
    expect(rewrites.map((row) => row.inputTokens)).toEqual(expected.map((row) => row.input_tokens.length));
    // The fixtures allow 39 or 30 new tokens; an end token that was forced there does not make a row finished.
    const limit = name.includes('gpt2') ? 30 : 39;
    expect(rewrites.map((row) => row.finished)).toEqual(expected.map((row) => row.tokens.length < limit));
    await detoxifier.close();
  });
});

test('a BART whose config names the norms of an MBart is computed as one', async () => {
  const folder = mkdtempSync(join(tmpdir(), 'detoxq-engine-'));
  cpSync(join(FIXTURES, 'tiny-mbart'), folder, { recursive: true });
  const config = JSON.parse(readFileSync(join(folder, 'config.json'), 'utf8'));
  const norms = { normalize_before: true, add_final_layer_norm: true, normalize_embedding: true };
  const changed = { ...config, ...norms, architectures: ['BartForConditionalGeneration'] };
  writeFileSync(join(folder, 'config.json'), JSON.stringify(changed));
  const expected = references('tiny-mbart');
  const detoxifier = await loadDetoxifier({ folder, name: 'old', precision: 'fp32', cacheFolder });
  const rewrites = await detoxifier.rewrite(expected.map((row) => row.text));
  expect(rewrites.map((row) => row.tokens)).toEqual(expected.map((row) => row.tokens));
  await detoxifier.close();
  rmSync(folder, { recursive: true });
});

test('texts that nobody writes get the tokens of transformers too', async () => {
  const name = 'tiny-bart';
  const expected = references(name, join(ODD, 'tiny-bart-odd.jsonl'));
  const detoxifier = await loadDetoxifier({ folder: join(FIXTURES, name), name, precision: 'fp32', cacheFolder });
  const rewrites = await detoxifier.rewrite(expected.map((row) => row.text));
  expect(rewrites.map((row) => row.tokens)).toEqual(expected.map((row) => row.tokens));
  expect(rewrites.map((row) => row.text)).toEqual(expected.map((row) => row.output));
  await detoxifier.close();
});

test.each([
  ['the committed texts', join(FIXTURES, 'tiny-roberta/reference.jsonl')],
  ['texts that nobody writes, a literal <pad> among them', join(ODD, 'tiny-roberta-odd.jsonl')],
])('a scorer in fp32 gives the logits of transformers within 1e-4: %s', async (_, file) => {
  const expected = references('tiny-roberta', file);
  const folder = join(FIXTURES, 'tiny-roberta');
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
