import { join } from 'node:path';
import { CheckpointError } from '../../contract/errors.ts';
import type { ModelIdentity } from '../../contract/models.ts';
import { classNames, classOf } from '../architectures/registry.ts';
import { readFields } from '../checkpoint/config/fields.ts';
import { type CheckpointReference, identifyCheckpoint, readArchitecture } from '../checkpoint/identity.ts';
import { loadTokenizer } from '../checkpoint/tokenizer/tokenizer.ts';
import { compileCheckpoint } from '../compile/compile.ts';
import { findTarget, type RunsOn } from '../machine/target.ts';
import { batchByLength, batchInputs, type EncodedRow, tokensPerBatch } from '../runtime/batches.ts';
import { logSumExp } from '../runtime/log-sum-exp.ts';
import { openSession } from '../runtime/session.ts';
import { createSerialQueue } from './serial-queue.ts';

export interface LanguageModelOptions extends CheckpointReference, RunsOn {
  /** Tokens of a batch (default: by the size of the model). Decides speed and memory, never a result. */
  readonly maxBatchTokens?: number;
}

export interface Likelihood {
  /**
   * Natural logarithm of the text's probability: the sum over its tokens. Each follows a start token and the tokens before
   * it.
   */
  readonly logLikelihood: number;
  /** Number of tokens in the sum. The perplexity is exp(-logLikelihood / tokens). */
  readonly tokens: number;
}

export interface LoadedLanguageModel {
  readonly identity: ModelIdentity;
  /** Longest text in tokens. The end of longer texts is cut off. */
  readonly maxInputTokens: number;
  /** Number of tokens before truncation. */
  countTokens(text: string): number;
  /** Token ids that the model reads for a text, after truncation. */
  encode(text: string): number[];
  /** One result per text, in order. It never depends on the other texts of the call. */
  logLikelihood(texts: readonly string[]): Promise<Likelihood[]>;
  /** Frees the session after running calls have ended. */
  close(): Promise<void>;
}

/** Whether a folder holds a language model. */
export function isLanguageModel(folder: string): boolean {
  return classOf(readArchitecture(folder))?.languageModel !== undefined;
}

/** Loads a language model, to compute the likelihood of texts. */
export async function loadLanguageModel(options: LanguageModelOptions): Promise<LoadedLanguageModel> {
  const { folder, cacheFolder } = options;
  const identity = await identifyCheckpoint(options);
  const read = classOf(identity.architecture)?.languageModel;
  if (!read) {
    const known = classNames('languageModel').join(' or a ');
    throw new CheckpointError(`${folder} is a ${identity.architecture}; a language model must be a ${known}`);
  }
  const model = read(readFields(join(folder, 'config.json')));
  const tokenizer = loadTokenizer(folder, model.vocabulary);
  const target = await findTarget(options);
  const compiled = await compileCheckpoint(
    { folder, cacheFolder, identity, ...target, options: 'likelihood' },
    (source) => ({ 'likelihood.onnx': model.likelihood(source) }),
  );
  const session = await openSession(join(compiled, 'likelihood.onnx'), target);
  const window = Math.min(model.inputPositions, tokenizer.maxTokens ?? model.defaultWindow);
  const maxBatchTokens = options.maxBatchTokens ?? tokensPerBatch(model.size);
  const serially = createSerialQueue();

  /** The inputs, and the tokens to predict: the same moved by one. */
  async function run(rows: readonly EncodedRow[], texts: readonly (readonly number[])[], results: Likelihood[]) {
    for (const batch of batchByLength(rows, maxBatchTokens)) {
      const next = batch.rows.map(({ index }) => ({ index, tokens: texts[index] ?? [] }));
      const following = batchInputs({ ...batch, rows: next }).tokens;
      const outputs = await session.run({ ...batchInputs(batch), next: following });
      const logits = outputs.floats('logits');
      const places = Array.from(logits.keys());
      const sums = logSumExp(outputs.floats('maxima'), outputs.floats('shares'), places, logits.length);
      batch.rows.forEach(({ index, tokens }, r) => {
        let total = 0;
        for (let i = 0; i < tokens.length; i++) {
          const place = r * batch.length + i;
          total += (logits[place] ?? Number.NaN) - (sums[place] ?? Number.NaN);
        }
        if (!Number.isFinite(total)) throw new CheckpointError(`${folder} gives logits that are not finite`);
        results[index] = { logLikelihood: total, tokens: tokens.length };
      });
    }
  }

  const encode = (text: string): number[] => tokenizer.encode(text, window);

  async function logLikelihood(all: readonly string[]): Promise<Likelihood[]> {
    const texts = all.map(encode);
    const results = texts.map((): Likelihood => ({ logLikelihood: 0, tokens: 0 }));
    const rows = texts.map((tokens, index) => ({ index, tokens: [model.boundary, ...tokens.slice(0, -1)] }));
    await run(
      rows.filter((row) => (texts[row.index]?.length ?? 0) > 0),
      texts,
      results,
    );
    return results;
  }

  return {
    identity,
    maxInputTokens: window,
    countTokens: tokenizer.count,
    encode,
    logLikelihood: (texts) => serially(() => logLikelihood(texts)),
    close: () => serially(() => session.close()),
  };
}
