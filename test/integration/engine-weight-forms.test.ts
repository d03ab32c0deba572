import { cpSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, expect, test } from 'vitest';
import { openWeights } from '../../src/engine/checkpoint/weights/weights.ts';
import { identifyCheckpoint, loadScorer } from '../../src/engine/index.ts';
import { TINY, tinyReferences } from '../support/tiny-checkpoints.ts';
import { torchFile } from '../support/torch-archive.ts';

const FIXTURE = join(TINY, 'tiny-roberta');
const root = mkdtempSync(join(tmpdir(), 'detoxq-forms-'));
afterAll(() => rmSync(root, { recursive: true }));
const cacheFolder = join(root, 'cache');

const expected = tinyReferences('tiny-roberta');
const texts = expected.map(({ text }) => text);

/** The fixture with its tensors in other files. */
function rewritten(name: string, write: (folder: string, tensors: ReadonlyMap<string, Stored>) => void): string {
  const folder = join(root, name);
  cpSync(FIXTURE, folder, { recursive: true });
  const source = openWeights(FIXTURE);
  const tensors = [...source.infos].map(
    ([key, { shape }]) => [key, { shape, values: source.read(key, shape) }] as const,
  );
  source.close();
  rmSync(join(folder, 'model.safetensors'));
  write(folder, new Map(tensors));
  return folder;
}
interface Stored {
  readonly shape: readonly number[];
  readonly values: Float32Array;
}

const torch = rewritten('torch', (folder, tensors) => {
  writeFileSync(join(folder, 'pytorch_model.bin'), torchFile(tensors));
});
const shards = rewritten('shards', (folder, tensors) => {
  const names = [...tensors.keys()];
  const shardOf = (name: string) => `pytorch_model-0000${1 + (names.indexOf(name) % 3)}-of-00003.bin`;
  for (const shard of new Set(names.map(shardOf))) {
    const part = new Map([...tensors].filter(([name]) => shardOf(name) === shard));
    writeFileSync(join(folder, shard), torchFile(part));
  }
  const weight_map = Object.fromEntries(names.map((name) => [name, shardOf(name)]));
  writeFileSync(join(folder, 'pytorch_model.bin.index.json'), JSON.stringify({ weight_map }));
});

const reference = (folder: string) => ({ folder, name: 'tiny', precision: 'fp32' as const, cacheFolder });

test('the same weights in another form give the same scores, bit for bit, under another digest', async () => {
  const results = [];
  for (const folder of [FIXTURE, torch, shards]) {
    const scorer = await loadScorer(reference(folder));
    results.push({ digest: scorer.identity.digest, logits: (await scorer.score(texts)).map(({ logits }) => logits) });
    await scorer.close();
  }
  expect(results[1]!.logits).toEqual(results[0]!.logits);
  expect(results[2]!.logits).toEqual(results[0]!.logits);
  expect(new Set(results.map(({ digest }) => digest)).size).toBe(3);
});

test('the digest covers every shard and the index', async () => {
  const { digest } = await identifyCheckpoint(reference(shards));
  for (const file of ['pytorch_model-00003-of-00003.bin', 'pytorch_model.bin.index.json']) {
    const before = readFileSync(join(shards, file));
    writeFileSync(join(shards, file), Buffer.concat([before, Buffer.from('\n')]));
    expect((await identifyCheckpoint(reference(shards))).digest).not.toBe(digest);
    writeFileSync(join(shards, file), before);
  }
  expect((await identifyCheckpoint(reference(shards))).digest).toBe(digest);
});

test('the digest covers how an embedding is made', async () => {
  const folder = join(root, 'sentence');
  cpSync(FIXTURE, folder, { recursive: true });
  mkdirSync(join(folder, '1_Pooling'));
  mkdirSync(join(folder, 'pool'));
  const digests = [(await identifyCheckpoint(reference(folder))).digest];
  for (const [file, content] of [
    ['1_Pooling/config.json', '{"pooling_mode_mean_tokens": true}'],
    ['1_Pooling/config.json', '{"pooling_mode_cls_token": true}'],
    ['sentence_bert_config.json', '{"max_seq_length": 9}'],
    ['modules.json', '[{"type": "Pooling", "path": "pool"}]'],
    ['pool/config.json', '{"pooling_mode_mean_tokens": true}'],
  ] as const) {
    writeFileSync(join(folder, file), content);
    digests.push((await identifyCheckpoint(reference(folder))).digest);
  }
  expect(new Set(digests).size).toBe(6);
});

test('a checkpoint as old ones were published, weights as a pickle and no tokenizer.json, scores as transformers does', async () => {
  const folder = rewritten('old', (at, tensors) => {
    writeFileSync(join(at, 'pytorch_model.bin'), torchFile(tensors));
    for (const name of ['tokenizer.json', 'special_tokens_map.json']) rmSync(join(at, name));
  });
  const scorer = await loadScorer(reference(folder));
  const scores = await scorer.score(texts);
  await scorer.close();
  scores.forEach(({ inputTokens, logits }, i) => {
    expect(inputTokens).toBe(expected[i]!.input_tokens.length);
    expect(Math.max(...logits.map((logit, label) => Math.abs(logit - expected[i]!.logits[label]!)))).toBeLessThan(1e-4);
  });
});
