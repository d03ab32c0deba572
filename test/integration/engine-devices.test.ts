import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, test } from 'vitest';
import { CPU, type Device } from '../../src/contract/device.ts';
import { DeviceError, UsageError } from '../../src/contract/errors.ts';
import type { Precision } from '../../src/contract/models.ts';
import { classOf } from '../../src/engine/architectures/registry.ts';
import { readFields } from '../../src/engine/checkpoint/config/fields.ts';
import { identifyCheckpoint } from '../../src/engine/checkpoint/identity.ts';
import type { Tensors } from '../../src/engine/checkpoint/weights/tensors.ts';
import { openWeights } from '../../src/engine/checkpoint/weights/weights.ts';
import { compileCheckpoint } from '../../src/engine/compile/compile.ts';
import { portableSearch } from '../../src/engine/compile/portable-search.ts';
import { createWeightFile } from '../../src/engine/compile/weight-file.ts';
import { loadClassifier, loadDetoxifier, loadEncoder, loadLanguageModel, loadScorer } from '../../src/engine/index.ts';
import { loadGenerator } from '../../src/engine/models/generator.ts';
import type { Likelihood } from '../../src/engine/models/language-model.ts';
import { createBatcher } from '../../src/engine/runtime/batches.ts';
import type { StepScores } from '../../src/engine/runtime/decoder.ts';
import { createPortableGreedySearch } from '../../src/engine/runtime/portable-greedy.ts';
import { openSession } from '../../src/engine/runtime/session.ts';
import { createEngines } from '../../src/worker/engines.ts';
import { TINY, TINY_CLASSIFIERS, TINY_GENERATORS, tinyReferences } from '../support/tiny-checkpoints.ts';

/*
 * Graphs for devices that are not here: in fp32 they give what transformers gives, in fp16 nearly so. onnxruntime runs them
 * on the CPU, where a product in half precision is one in fp32 of rounded operands.
 */

const MODELS = join(import.meta.dirname, '../../models');
const cacheFolder = mkdtempSync(join(tmpdir(), 'detoxq-devices-'));
afterAll(() => rmSync(cacheFolder, { recursive: true }));

const tiny = (name: string, precision: Precision) => ({ folder: join(TINY, name), name, precision, cacheFolder });

test.each(TINY_GENERATORS)('the whole search of %s as one graph gives the tokens of transformers', async (name) => {
  const loaded = await loadGenerator({ ...tiny(name, 'fp32'), generation: {} });
  const { generation, prompt, maxInputTokens: window, identity } = loaded;
  const model = classOf(identity.architecture)!.generator!(readFields(join(TINY, name, 'config.json')));
  const request = {
    folder: join(TINY, name),
    cacheFolder,
    identity,
    portable: true,
    weightLimit: 0,
    options: 'whole',
  };
  const compiled = await compileCheckpoint(request, (source) => ({
    'search.onnx': portableSearch(source, model.encoder, model.decoder(source), generation),
  }));
  const search = await openSession(join(compiled, 'search.onnx'));
  const sizes = { size: model.size, padToken: generation.padToken, window, maxBatchTokens: 400 };
  const batchesOf = createBatcher({ device: CPU, portable: true }, sizes);
  const rewrite = createPortableGreedySearch({ search, generation, batchesOf });
  const expected = tinyReferences(name);
  const rows = expected.map(({ text }, index) => ({ index, tokens: prompt.encode(text, window) }));
  const limit = name.includes('gpt2') ? 30 : 39;
  expect(await rewrite(rows)).toEqual(expected.map(({ tokens }) => ({ tokens, finished: tokens.length < limit })));
  await search.close();
  await loaded.close();
});

describe('fp16', () => {
  /**
   * Largest distance of logits and of ln Σ exp(logits), fed with the tokens that transformers gives, over some steps; as a
   * share of the value where that is above one.
   */
  async function distance(name: string): Promise<number> {
    const exact = await loadGenerator({ ...tiny(name, 'fp32'), generation: {} });
    const half = await loadGenerator({ ...tiny(name, 'fp16'), generation: {} });
    const expected = tinyReferences(name).slice(0, 6);
    const rows = expected.map(({ text }, index) => ({
      index,
      tokens: exact.prompt.encode(text, exact.maxInputTokens),
    }));
    const decodings = [];
    for (const model of [exact, half]) decodings.push(await (await model.openDecoder()).open(rows, 1));
    let worst = 0;
    let last = rows.map((row) => exact.generation.startToken ?? row.tokens.at(-1) ?? 0);
    for (let step = 0; step < 8; step++) {
      const adjusted = expected.map(({ tokens }) => [tokens[step] ?? 0]);
      const [a, b] = await Promise.all(decodings.map((each) => each.step({ tokens: last, adjusted, top: 1 }, null)));
      for (const row of rows.keys()) {
        for (const value of [
          (from?: StepScores) => from?.adjustedLogits[row]?.[0],
          (from?: StepScores) => from?.logSumExp[row],
        ]) {
          const [here = NaN, there = NaN] = [value(a), value(b)];
          worst = Math.max(worst, Math.abs(here - there) / Math.max(1, Math.abs(here)));
        }
      }
      last = adjusted.map(([token = 0]) => token);
    }
    for (const model of [exact, half]) await model.close();
    return worst;
  }

  test.each(TINY_GENERATORS)('%s: logits within 0.02 of fp32, or 2 %', async (name) => {
    expect(await distance(name)).toBeLessThan(0.02);
  });

  test.each(TINY_CLASSIFIERS)('%s: logits within 0.01 of transformers', async (name) => {
    const model = await loadClassifier(tiny(name, 'fp16'));
    const expected = tinyReferences(name);
    const results = await model.classify(expected.map((row) => row.text));
    results.forEach(({ logits }, i) => {
      logits.forEach((logit, label) => {
        expect(Math.abs(logit - (expected[i]?.logits[label] ?? NaN))).toBeLessThan(0.01);
      });
    });
    await model.close();
  });

  test('embeddings and likelihoods are nearly those of fp32', async () => {
    const texts = tinyReferences('tiny-gpt2').map((row) => row.text);
    const vectors: Float32Array[][] = [];
    const likelihoods: Likelihood[][] = [];
    for (const precision of ['fp32', 'fp16'] as const) {
      const encoder = await loadEncoder(tiny('tiny-encoder', precision));
      vectors.push(await encoder.embed(texts));
      await encoder.close();
      const model = await loadLanguageModel(tiny('tiny-gpt2', precision));
      likelihoods.push(await model.logLikelihood(texts));
      await model.close();
    }
    texts.forEach((_, i) => {
      const cosine = vectors[0]![i]!.reduce((sum, value, k) => sum + value * vectors[1]![i]![k]!, 0);
      expect(cosine).toBeGreaterThan(0.9999);
      const [a, b] = [likelihoods[0]![i]!, likelihoods[1]![i]!];
      expect(b.tokens).toBe(a.tokens);
      expect(Math.abs(a.logLikelihood - b.logLikelihood)).toBeLessThanOrEqual(0.01 * Math.max(1, a.tokens));
    });
  });

  test('the bundled models give the same tokens and labels as in fp32', async () => {
    const lines = readFileSync(join(import.meta.dirname, '../../examples/comments.csv'), 'utf8')
      .split('\n')
      .slice(1, 25);
    const texts = lines
      .map((line) =>
        line
          .replace(/^[^,]*,"?/, '')
          .replace(/"$/, '')
          .toLowerCase(),
      )
      .filter(Boolean);
    const outputs: string[][] = [];
    const labels: boolean[][] = [];
    for (const precision of ['fp32', 'fp16'] as const) {
      const shared = { precision, cacheFolder };
      const generation = { num_beams: 1, max_new_tokens: 32 };
      const model = await loadDetoxifier({
        ...shared,
        folder: join(MODELS, 'nano-bart'),
        name: 'nano-bart',
        generation,
      });
      outputs.push((await model.rewrite(texts)).map((rewrite) => rewrite.tokens.join()));
      await model.close();
      const scorer = await loadScorer({ ...shared, folder: join(MODELS, 'nano-roberta'), name: 'nano-roberta' });
      labels.push((await scorer.score(texts)).map((score) => score.toxicity >= 0.5));
      await scorer.close();
    }
    expect(outputs[1]!.filter((output, i) => output === outputs[0]![i]).length).toBeGreaterThanOrEqual(
      texts.length - 1,
    );
    expect(labels[1]).toEqual(labels[0]);
  }, 120_000);
});

describe('a T5 whose activations are beyond half precision', () => {
  const LARGE = 2 ** 20;
  const name = 'tiny-t5';
  const folder = join(TINY, name);
  const model = classOf('T5ForConditionalGeneration')!.generator!(readFields(join(folder, 'config.json')));

  /** With feed-forward parts that give values a million times as large; also the types that the compiler stores. */
  async function tokensIn(precision: Precision) {
    const loaded = await loadGenerator({ ...tiny(name, precision), generation: {} });
    const { generation, prompt, maxInputTokens: window } = loaded;
    const made = mkdtempSync(join(cacheFolder, 'large-'));
    const file = createWeightFile(made, 'weights.bin');
    const types = new Map<string, string>();
    const published = openWeights(folder);
    const tensors: Tensors = {
      ...published,
      read: (tensor, shape) => {
        const values = published.read(tensor, shape);
        return tensor.endsWith('DenseReluDense.wo.weight') ? values.map((value) => value * LARGE) : values;
      },
    };
    const weights: typeof file = {
      ...file,
      store(key, type, dims, make) {
        types.set(key, type);
        return file.store(key, type, dims, make);
      },
    };
    const source = { tensors, weights, precision, portable: true, weightLimit: 0 };
    const graph = portableSearch(source, model.encoder, model.decoder(source), generation);
    file.close();
    published.close();
    writeFileSync(join(made, 'search.onnx'), graph);
    const search = await openSession(join(made, 'search.onnx'));
    const batchesOf = createBatcher(
      { device: CPU, portable: true },
      { size: model.size, padToken: generation.padToken, window },
    );
    const rows = tinyReferences(name).map(({ text }, index) => ({ index, tokens: prompt.encode(text, window) }));
    const results = await createPortableGreedySearch({ search, generation, batchesOf })(rows);
    await search.close();
    await loaded.close();
    return { types, tokens: results.map((row) => row.tokens.join()) };
  }

  test('keeps what overflows in fp32, and its output is that of fp32', async () => {
    const exact = await tokensIn('fp32');
    const half = await tokensIn('fp16');
    const wide = [...half.types].filter(([key, type]) => type === 'f32' && /\d\.layer.*\.weight$/.test(key));
    expect(wide.map(([key]) => key).every((key) => /DenseReluDense\.wo\.weight$|bias/.test(key))).toBe(true);
    expect(wide.length).toBe(4);
    // Of 20 texts one has a near tie, which rounding decides; what overflows would change all of them.
    const others = half.tokens.filter((tokens, i) => tokens !== exact.tokens[i]);
    expect(exact.tokens).toHaveLength(20);
    expect(others.length).toBeLessThanOrEqual(2);
  });
});

describe('what cannot be is refused', () => {
  const absent: Device = { kind: 'cuda', index: 99 };

  test('int8 on a GPU, before anything is loaded', async () => {
    await expect(loadScorer({ ...tiny('tiny-roberta', 'int8'), device: absent })).rejects.toThrow(UsageError);
  });

  test('a GPU that is not there, with what it takes', async () => {
    const loading = loadScorer({ ...tiny('tiny-roberta', 'fp16'), device: absent });
    await expect(loading).rejects.toThrow(DeviceError);
    await expect(loading).rejects.toThrow(/cuda:99 cannot be used: .*script\/install\.js.*--device/s);
  });

  test('and a worker says so instead of going to the CPU', async () => {
    const source = (name: string) => ({ name, folder: join(TINY, name) });
    const engines = createEngines({
      engine: {
        scorer: source('tiny-roberta'),
        detoxifier: source('tiny-bart'),
        precision: 'fp16',
        device: absent,
        threshold: 0.5,
        generation: {},
        prompt: '{text}',
        cacheFolder,
      },
      processes: 1,
      log: { debug() {}, info() {}, warn() {}, error() {} },
    });
    await expect(engines.ready).rejects.toThrow(/cuda:99 cannot be used/);
    await engines.close();
  });

  test('a weight beyond half precision, by name', async () => {
    const identity = await identifyCheckpoint(tiny('tiny-bart', 'fp16'));
    const model = classOf(identity.architecture)!.generator!(readFields(join(TINY, 'tiny-bart', 'config.json')));
    const request = { ...tiny('tiny-bart', 'fp16'), identity, portable: true, weightLimit: 0, options: 'beyond' };
    const compiling = compileCheckpoint(request, (source) => {
      const tensors: Tensors = {
        ...source.tensors,
        read: (name, shape) => source.tensors.read(name, shape).map((value) => value * 1e8),
      };
      const large = { ...source, tensors };
      return {
        'search.onnx': portableSearch(large, model.encoder, model.decoder(large), { endTokens: [2], padToken: 1 }),
      };
    });
    await expect(compiling).rejects.toThrow(/tensor .* beyond fp16: use --precision fp32/);
  });
});
