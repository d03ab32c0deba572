import { join } from 'node:path';
import { CheckpointError } from '../../contract/errors.ts';
import type { ModelIdentity } from '../../contract/models.ts';
import type { Classifier } from '../architectures/classifier.ts';
import { classNames, classOf } from '../architectures/registry.ts';
import { readFields } from '../checkpoint/config/fields.ts';
import { type CheckpointReference, identifyCheckpoint } from '../checkpoint/identity.ts';
import { loadTokenizer } from '../checkpoint/tokenizer/tokenizer.ts';
import { compileCheckpoint } from '../compile/compile.ts';
import { sizesInForce } from '../machine/sizes.ts';
import { findTarget, type RunsOn } from '../machine/target.ts';
import { readTuning } from '../machine/tuning.ts';
import { createBatcher } from '../runtime/batches.ts';
import { openSession } from '../runtime/session.ts';
import type { StaticScales } from '../runtime/static-scales.ts';
import { createSerialQueue } from './serial-queue.ts';

export interface ClassifierOptions extends CheckpointReference, RunsOn, StaticScales {
  /** Tokens of a batch (default: as tuned on this machine, else by the size of the model). Decides speed and memory, on a CPU never a result. */
  readonly maxBatchTokens?: number;
}

export interface Classification {
  /** Raw outputs of the head, one per label. */
  readonly logits: readonly number[];
  /** One per label. They sum to one; independent labels have independent probabilities. */
  readonly probabilities: readonly number[];
  readonly inputTokens: number;
}

export interface LoadedClassifier {
  readonly identity: ModelIdentity;
  /** Folder of the compiled graphs. */
  readonly graphs: string;
  /** Longest input in tokens, special tokens included. */
  readonly maxInputTokens: number;
  /** Names of the labels, in the order of the logits. */
  readonly labels: readonly string[];
  readonly multiLabel: boolean;
  countTokens(text: string): number;
  /** Token ids that the model reads for a text, special tokens included. */
  encode(text: string): readonly number[];
  /** One result per text, in order. It never depends on the other texts of the call. */
  classify(texts: readonly string[]): Promise<Classification[]>;
  /** Frees the session after running calls have ended. */
  close(): Promise<void>;
}

/**
 * Loads a checkpoint of any class with a classifier head. It compiles the checkpoint if the cache has no graph of it, and
 * opens a session. The end of texts longer than `maxInputTokens` is cut off, as in transformers.
 */
export async function loadClassifier(options: ClassifierOptions): Promise<LoadedClassifier> {
  const { folder, cacheFolder, scales, onScale } = options;
  const identity = await identifyCheckpoint(options);
  const model = readClassifier(folder, identity.architecture, 'a classifier');
  const tokenizer = loadTokenizer(folder, model.vocabulary);
  const target = await findTarget(options);
  const request = { folder, cacheFolder, identity, ...target, measuring: onScale !== undefined, options: null };
  const compiled = await compileCheckpoint(request, (source) => ({
    'classifier.onnx': model.graph({ ...source, padded: source.portable }),
  }));
  const session = await openSession(join(compiled, 'classifier.onnx'), { device: target.device, scales, onScale });
  const maxInputTokens = Math.min(model.window, tokenizer.maxTokens ?? Infinity);
  const { padToken, size } = model;
  const { maxBatchTokens } = target.portable
    ? options
    : sizesInForce(size, await readTuning(cacheFolder, identity), options);
  const batchesOf = createBatcher(target, { size, padToken, window: maxInputTokens, maxBatchTokens });
  const probabilities = model.multiLabel ? sigmoid : softmax;
  const serially = createSerialQueue();
  const encode = (text: string): number[] => tokenizer.encode(text, maxInputTokens);

  async function classify(texts: readonly string[]): Promise<Classification[]> {
    const count = model.labels.length;
    const rows = texts.map((text, index) => ({ index, tokens: encode(text) }));
    const results = new Array<Classification>(texts.length);
    for (const batch of batchesOf(rows)) {
      const all = (await session.run(batch.inputs)).floats('logits');
      batch.rows.forEach((row, r) => {
        const logits = [...all.subarray(count * r, count * (r + 1))];
        if (!logits.every(Number.isFinite)) throw new CheckpointError(`${folder} gives logits that are not finite`);
        results[row.index] = { logits, probabilities: probabilities(logits), inputTokens: row.tokens.length };
      });
    }
    return results;
  }

  return {
    identity,
    graphs: compiled,
    maxInputTokens,
    labels: model.labels,
    multiLabel: model.multiLabel,
    countTokens: tokenizer.count,
    encode,
    classify: (texts) => serially(() => classify(texts)),
    close: () => serially(() => session.close()),
  };
}

/**
 * @param role what the caller wants it as, for the error
 * @throws CheckpointError if the class has no classifier head, with the command that trains one
 */
export function readClassifier(folder: string, architecture: string, role: string): Classifier {
  const known = classOf(architecture);
  if (known?.classifier) return known.classifier(readFields(join(folder, 'config.json')));
  if (known?.encoder) {
    throw new CheckpointError(
      `${folder} is a ${architecture}, which has no classifier head, so it cannot be ${role}. Train one: ` +
        `python -m training.finetune --task classify --base ${folder} --out FOLDER`,
    );
  }
  const classes = classNames('classifier').join(' or a ');
  throw new CheckpointError(`${folder} is a ${architecture}; ${role} must be a ${classes}`);
}

function softmax(logits: readonly number[]): number[] {
  return logits.map((logit) => 1 / logits.reduce((sum, other) => sum + Math.exp(other - logit), 0));
}

function sigmoid(logits: readonly number[]): number[] {
  return logits.map((logit) => 1 / (1 + Math.exp(-logit)));
}
