import { createHash } from 'node:crypto';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { loadClassifier, loadDetoxifier, loadEncoder, loadScorer } from '../../src/engine/index.ts';
import { expectNear } from '../support/expect-near.ts';
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

test.each(['nano-roberta', 'nano-bert', 'nano-fluency'])(
  '%s in fp32 gives the logits of transformers within 1e-4',
  async (name) => {
    const expected = references(name);
    const classifier = await loadClassifier(bundled(name, 'fp32'));
    const results = await classifier.classify(expected.map((row) => row.text));
    results.forEach(({ logits }, i) => {
      expectNear(logits, expected[i]!.logits, 1e-4);
    });
    await classifier.close();
  },
);

test('nano-sim in fp32 gives the embeddings of transformers within 1e-5', async () => {
  const expected = references('nano-sim');
  const encoder = await loadEncoder(bundled('nano-sim', 'fp32'));
  const vectors = await encoder.embed(expected.map((row) => row.text));
  vectors.forEach((vector, i) => {
    expectNear(vector, expected[i]!.embedding, 1e-5);
  });
  await encoder.close();
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
