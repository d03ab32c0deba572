import { cpSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import fc from 'fast-check';
import { afterAll, describe, expect, test } from 'vitest';
import type { Precision } from '../../src/contract/models.ts';
import { loadClassifier, loadEncoder, loadLanguageModel, loadScorer } from '../../src/engine/index.ts';
import { expectNear } from '../support/expect-near.ts';
import {
  TINY,
  TINY_CLASSIFIERS,
  TINY_ENCODERS,
  TINY_LANGUAGE_MODELS,
  tinyReferences,
} from '../support/tiny-checkpoints.ts';

/* Classifiers, sentence embeddings and the likelihood of texts, against transformers and against themselves in a batch. */

const scratch = mkdtempSync(join(tmpdir(), 'detoxq-engine-'));
const cacheFolder = join(scratch, 'cache');
afterAll(() => rmSync(scratch, { recursive: true }));

const checkpoint = (name: string, precision: Precision, maxBatchTokens = 256) => {
  return { folder: join(TINY, name), name, precision, cacheFolder, maxBatchTokens };
};

describe('in fp32 as in transformers', () => {
  test.each(TINY_CLASSIFIERS)('the logits and probabilities of %s', async (name) => {
    const expected = tinyReferences(name);
    const classifier = await loadClassifier(checkpoint(name, 'fp32'));
    const results = await classifier.classify(expected.map((row) => row.text));
    results.forEach((result, i) => {
      expect(result.inputTokens).toBe(expected[i]!.input_tokens.length);
      expectNear(result.logits, expected[i]!.logits);
      expectNear(result.probabilities, expected[i]!.probabilities);
    });
    await classifier.close();
  });

  test.each(TINY_ENCODERS)('the sentence embeddings of %s', async (name) => {
    const expected = tinyReferences(name);
    const encoder = await loadEncoder(checkpoint(name, 'fp32'));
    const vectors = await encoder.embed(expected.map((row) => row.text));
    vectors.forEach((vector, i) => {
      expectNear(vector, expected[i]!.embedding, 1e-5);
    });
    expect(encoder.maxInputTokens).toBe(40);
    await encoder.close();
  });

  test.each(TINY_LANGUAGE_MODELS)('the likelihood of texts by %s', async (name) => {
    const expected = tinyReferences(name);
    const model = await loadLanguageModel(checkpoint(name, 'fp32'));
    const results = await model.logLikelihood([...expected.map((row) => row.text), '']);
    expect(results.pop()).toEqual({ logLikelihood: 0, tokens: 0 });
    results.forEach(({ logLikelihood, tokens }, i) => {
      expect(tokens).toBe(expected[i]!.input_tokens.length);
      expectNear([logLikelihood / tokens], [expected[i]!.log_likelihood / tokens]);
    });
    await model.close();
  });
});

test('a scorer takes its toxicity from the label of that name', async () => {
  for (const [name, label] of [
    ['tiny-bert', 0],
    ['tiny-bert-labels', 1],
  ] as const) {
    const expected = tinyReferences(name);
    const scorer = await loadScorer(checkpoint(name, 'fp32'));
    const scores = await scorer.score(expected.map((row) => row.text));
    scores.forEach((score, i) => {
      expectNear([score.toxicity], [expected[i]!.probabilities[label]!]);
    });
    await scorer.close();
  }
});

/** Bits of what a judge says of each text. */
type Judge = (texts: readonly string[]) => Promise<string[]>;
const hex = (values: Float32Array | Float64Array) => Buffer.from(values.slice().buffer).toString('hex');

async function open(
  name: string,
  precision: Precision,
  padded: number,
): Promise<{ judge: Judge; close(): Promise<void> }> {
  const options = checkpoint(name, precision, padded);
  if (TINY_LANGUAGE_MODELS.includes(name)) {
    const model = await loadLanguageModel(options);
    const judge: Judge = async (texts) =>
      (await model.logLikelihood(texts)).map((result) => hex(Float64Array.of(result.logLikelihood)));
    return { judge, close: model.close };
  }
  if (TINY_ENCODERS.includes(name)) {
    const encoder = await loadEncoder(options);
    return { judge: async (texts) => (await encoder.embed(texts)).map(hex), close: encoder.close };
  }
  const classifier = await loadClassifier(options);
  const judge: Judge = async (texts) =>
    (await classifier.classify(texts)).map((result) => hex(Float32Array.from(result.logits)));
  return { judge, close: classifier.close };
}

const word = fc.constantFrom('you', 'the', 'trains', 'late', 'nobody', 'soup', '.', ',', '!', 'zoë', 'xyzzy', '40');
const texts = fc.uniqueArray(
  fc.array(word, { maxLength: 60 }).map((words) => words.join(' ')),
  { minLength: 1, maxLength: 16 },
);

describe.each<Precision>(['int8', 'fp32'])('%s', (precision) => {
  test.each([...TINY_CLASSIFIERS, ...TINY_ENCODERS, ...TINY_LANGUAGE_MODELS])(
    'what %s says is bitwise the same alone and in any batch',
    async (name) => {
      const alone = await open(name, precision, 1);
      await fc.assert(
        fc.asyncProperty(texts, fc.constantFrom(64, 200, 1000), async (batch, padded) => {
          const model = await open(name, precision, padded);
          const together = await model.judge(batch);
          for (const [i, text] of batch.entries()) expect((await alone.judge([text]))[0]).toBe(together[i]);
          await model.close();
        }),
        { numRuns: 8 },
      );
      await alone.close();
    },
  );
});

describe('what cannot be meant is refused', () => {
  const copy = (name: string, changes: Readonly<Record<string, (content: string) => string>>) => {
    const folder = join(scratch, `copy-${Math.random()}`);
    cpSync(join(TINY, name), folder, { recursive: true });
    for (const [file, change] of Object.entries(changes)) {
      writeFileSync(join(folder, file), change(readFileSync(join(folder, file), 'utf8')));
    }
    return { ...checkpoint(name, 'int8'), folder };
  };
  const TRAIN = 'python -m training.finetune --task classify --base';

  test('an encoder without a head as a scorer, with the command that trains one', async () => {
    await expect(loadScorer(checkpoint('tiny-encoder', 'int8'))).rejects.toThrow(
      'BertModel, which has no classifier head',
    );
    await expect(loadScorer(checkpoint('tiny-encoder', 'int8'))).rejects.toThrow(TRAIN);
    const headless = copy('tiny-encoder', {
      'config.json': (content) => content.replace('"BertModel"', '"BertForSequenceClassification"'),
    });
    await expect(loadScorer(headless)).rejects.toThrow('no trained classifier head');
  });

  test('classes that are something else', async () => {
    await expect(loadClassifier(checkpoint('tiny-bart', 'int8'))).rejects.toThrow('a classifier must be a Bert');
    await expect(loadEncoder(checkpoint('tiny-bart', 'int8'))).rejects.toThrow('an encoder must be one of BertModel');
    await expect(loadLanguageModel(checkpoint('tiny-bart', 'int8'))).rejects.toThrow('must be a GPT2LMHeadModel');
  });

  test('poolings that are not known', async () => {
    const max = copy('tiny-encoder', {
      '1_Pooling/config.json': (content) => content.replace('mean_tokens', 'max_tokens'),
    });
    await expect(loadEncoder(max)).rejects.toThrow('pools by pooling_mode_max_tokens');
    const module = copy('tiny-encoder', {
      'modules.json': (content) => content.replace('models.Normalize', 'models.CNN'),
    });
    await expect(loadEncoder(module)).rejects.toThrow('the module "CNN" is not supported');
    const outside = copy('tiny-encoder', { 'modules.json': (content) => content.replace('1_Pooling', '../1_Pooling') });
    await expect(loadEncoder(outside)).rejects.toThrow('with a path that no module has');
    const dense = copy('tiny-encoder-dense', { '2_Dense/config.json': (content) => content.replace('Tanh', 'GELU') });
    await expect(loadEncoder(dense)).rejects.toThrow('activation_function "GELU" is not supported');
  });
});
