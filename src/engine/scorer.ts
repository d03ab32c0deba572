import { join } from 'node:path';
import { CheckpointError } from '../contract/errors.ts';
import type { Score, Scorer } from '../contract/models.ts';
import { readRobertaConfig, robertaClassifier } from './architectures/roberta.ts';
import { batchByLength, batchInputs, paddedTokensFor } from './batches.ts';
import { readFields } from './checkpoint/fields.ts';
import { type CheckpointReference, identifyCheckpoint } from './checkpoint/identity.ts';
import { compileCheckpoint } from './compile/compile.ts';
import { int8WeightLimit } from './cpu.ts';
import { openSession } from './session.ts';
import { loadTokenizer } from './tokenizer.ts';
import { createTurns } from './turns.ts';

export interface ScorerOptions extends CheckpointReference {
  /** Padded tokens in one run (default: by the size of the model). Decides speed and memory, never a score. */
  readonly maxPaddedTokens?: number;
}

export interface LoadedScorer extends Scorer {
  /** Folder of the compiled graphs. */
  readonly graphs: string;
  /** Names of the classifier's labels, in the order of the logits. */
  readonly labels: readonly string[];
  /** Token ids of what the model reads for a text, special tokens included. */
  encode(text: string): readonly number[];
  /** What the logits of a text mean, one a label. */
  probabilities(logits: readonly number[]): readonly number[];
  /** Frees the session. Scores under way come to their end first. */
  close(): Promise<void>;
}

/**
 * Loads a two-label `RobertaForSequenceClassification`: compiles it if the cache has no graph of it, and opens a session.
 * Texts longer than `maxInputTokens` lose their end, as in transformers.
 */
export async function loadScorer(options: ScorerOptions): Promise<LoadedScorer> {
  const { folder, cacheFolder } = options;
  const identity = await identifyCheckpoint(options);
  if (identity.architecture !== 'RobertaForSequenceClassification') {
    throw new CheckpointError(
      `${folder} is a ${identity.architecture}; a scorer must be a RobertaForSequenceClassification`,
    );
  }
  const config = readRobertaConfig(readFields(join(folder, 'config.json')));
  const tokenizer = loadTokenizer(folder, config.vocabulary);
  const compiled = await compileCheckpoint(
    { folder, cacheFolder, identity, weightLimit: await int8WeightLimit(), options: null },
    (source) => ({
      'classifier.onnx': robertaClassifier(source, config),
    }),
  );
  const session = await openSession(join(compiled, 'classifier.onnx'));
  const maxInputTokens = Math.min(config.positionRows - config.padToken - 1, tokenizer.maxTokens ?? Infinity);
  const maxPaddedTokens = options.maxPaddedTokens ?? paddedTokensFor(config.size);
  const takeTurns = createTurns();

  const encode = (text: string): number[] => tokenizer.encode(text, maxInputTokens);

  async function score(texts: readonly string[]): Promise<Score[]> {
    const rows = texts.map((text, index) => ({ index, tokens: encode(text) }));
    const scores = new Array<Score>(texts.length);
    for (const batch of batchByLength(rows, maxInputTokens, maxPaddedTokens)) {
      const logits = (await session.run(batchInputs(batch, config.padToken))).floats('logits');
      batch.rows.forEach((row, r) => {
        const pair = [...logits.subarray(2 * r, 2 * r + 2)];
        if (!pair.every(Number.isFinite)) throw new CheckpointError(`${folder} gives logits that are not finite`);
        scores[row.index] = toScore(pair, config.toxicLabel, row.tokens.length);
      });
    }
    return scores;
  }

  return {
    identity,
    graphs: compiled,
    maxInputTokens,
    labels: config.labels,
    countTokens: tokenizer.count,
    encode,
    probabilities: softmax,
    score: (texts) => takeTurns(() => score(texts)),
    close: () => takeTurns(() => session.close()),
  };
}

/** Softmax over two labels. */
function toScore(logits: readonly number[], toxicLabel: number, inputTokens: number): Score {
  return { toxicity: softmax(logits)[toxicLabel] ?? Number.NaN, logits, inputTokens };
}

function softmax(logits: readonly number[]): number[] {
  return logits.map((logit) => 1 / logits.reduce((sum, other) => sum + Math.exp(other - logit), 0));
}
