import { createHash } from 'node:crypto';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { loadDetoxifier, loadScorer } from '../../src/engine/load.ts';
import { readReferences } from '../support/references.ts';

/* The bundled models against transformers, on all rows of examples/comments.csv (test/fixtures/references/make.sh). */

const ROOT = join(import.meta.dirname, '../..');
const REFERENCES = join(ROOT, 'test/fixtures/references');
const cacheFolder = mkdtempSync(join(tmpdir(), 'detoxq-engine-'));
afterAll(() => rmSync(cacheFolder, { recursive: true }));

const bundled = (name: string, precision: 'fp32' | 'int8') => ({
  folder: join(ROOT, 'models', name),
  name,
  precision,
  cacheFolder,
});

const references = (name: string) => readReferences(join(REFERENCES, `${name}.jsonl`));

beforeAll(() => {
  for (const line of readFileSync(join(REFERENCES, 'weights.sha256'), 'utf8').trim().split('\n')) {
    const [expected, file] = line.split(/\s+/) as [string, string];
    const actual = createHash('sha256')
      .update(readFileSync(join(ROOT, file)))
      .digest('hex');
    expect(actual, `${file} has changed: run test/fixtures/references/make.sh again`).toBe(expected);
  }
});

test.each(['nano-bart', 'nano-t5', 'nano-gpt2'])('%s in fp32 gives the tokens of transformers', async (name) => {
  const expected = references(name);
  const detoxifier = await loadDetoxifier(bundled(name, 'fp32'));
  const rewrites = await detoxifier.rewrite(expected.map((row) => row.text));
  expect(rewrites.map((row) => row.tokens)).toEqual(expected.map((row) => row.tokens));
  expect(rewrites.map((row) => row.text)).toEqual(expected.map((row) => row.output));
  await detoxifier.close();
});

test('the scorer in fp32 gives the logits of transformers within 1e-4', async () => {
  const expected = references('nano-roberta');
  const scorer = await loadScorer(bundled('nano-roberta', 'fp32'));
  const scores = await scorer.score(expected.map((row) => row.text));
  scores.forEach((score, i) => {
    score.logits.forEach((logit, label) => {
      expect(Math.abs(logit - expected[i]!.logits[label]!)).toBeLessThan(1e-4);
    });
  });
  await scorer.close();
});

test('int8 changes little: nearly all rewrites are the same, and no probability by more than 0.02', async () => {
  const rewritten = references('nano-bart');
  const detoxifier = await loadDetoxifier(bundled('nano-bart', 'int8'));
  const rewrites = await detoxifier.rewrite(rewritten.map((row) => row.text));
  const same = rewrites.filter((row, i) => row.text === rewritten[i]!.output).length;
  expect(same / rewritten.length).toBeGreaterThan(0.9);
  await detoxifier.close();

  const scored = references('nano-roberta');
  const scorer = await loadScorer(bundled('nano-roberta', 'int8'));
  const scores = await scorer.score(scored.map((row) => row.text));
  for (const [i, score] of scores.entries()) {
    const [neutral, toxic] = scored[i]!.logits as [number, number];
    expect(Math.abs(score.toxicity - 1 / (1 + Math.exp(neutral - toxic)))).toBeLessThan(0.02);
  }
  await scorer.close();
});
