import { join } from 'node:path';
import { CheckpointError } from '../../contract/errors.ts';
import type { ModelIdentity } from '../../contract/models.ts';
import type { Encoder } from '../architectures/encoder.ts';
import { classNames, classOf } from '../architectures/registry.ts';
import { readFields } from '../checkpoint/config/fields.ts';
import { type PoolingConfig, readPooling } from '../checkpoint/config/pooling.ts';
import { type CheckpointReference, identifyCheckpoint } from '../checkpoint/identity.ts';
import { loadTokenizer } from '../checkpoint/tokenizer/tokenizer.ts';
import { openWeights } from '../checkpoint/weights/weights.ts';
import { compileCheckpoint } from '../compile/compile.ts';
import type { Source } from '../compile/layers.ts';
import { sizesInForce } from '../machine/sizes.ts';
import { findTarget, type RunsOn } from '../machine/target.ts';
import { readTuning } from '../machine/tuning.ts';
import { batchByLength, batchInputs } from '../runtime/batches.ts';
import { openSession } from '../runtime/session.ts';
import { createSerialQueue } from './serial-queue.ts';

export interface EncoderOptions extends CheckpointReference, RunsOn {
  /** Tokens of a batch (default: as tuned on this machine, else by the size of the model). Decides speed and memory, never a result. */
  readonly maxBatchTokens?: number;
}

export interface LoadedEncoder {
  readonly identity: ModelIdentity;
  /** Folder of the compiled graphs. */
  readonly graphs: string;
  /** Longest input in tokens, special tokens included. The end of longer texts is cut off. */
  readonly maxInputTokens: number;
  countTokens(text: string): number;
  /** One vector of unit length per text, in order. It never depends on the other texts of the call. */
  embed(texts: readonly string[]): Promise<Float32Array[]>;
  /** Frees the session after running calls have ended. */
  close(): Promise<void>;
}

/**
 * Loads a checkpoint of any encoder class for sentence embeddings. As in sentence-transformers, an embedding is the mean over
 * the tokens, or what `modules.json` says. The product of two vectors is their cosine.
 */
export async function loadEncoder(options: EncoderOptions): Promise<LoadedEncoder> {
  const { folder, cacheFolder } = options;
  const identity = await identifyCheckpoint(options);
  const read = classOf(identity.architecture)?.encoder;
  if (!read) {
    const classes = classNames('encoder').join(', ');
    throw new CheckpointError(`${folder} is a ${identity.architecture}; an encoder must be one of ${classes}`);
  }
  const model = read(readFields(join(folder, 'config.json')));
  const pooling = readPooling(folder);
  checkDense(folder, pooling, model);
  const tokenizer = loadTokenizer(folder, model.vocabulary);
  const target = await findTarget(options);
  const compiled = await compileCheckpoint(
    { folder, cacheFolder, identity, ...target, options: 'encoder' },
    (source) => ({
      'embeddings.onnx': buildGraph(model, source, pooling),
    }),
  );
  const session = await openSession(join(compiled, 'embeddings.onnx'), target);
  const window = Math.min(model.window, tokenizer.maxTokens ?? Infinity, pooling.maxTokens ?? Infinity);
  const tuned = target.portable ? {} : await readTuning(cacheFolder, identity);
  const { maxBatchTokens } = sizesInForce(model.size, tuned, options);
  const serially = createSerialQueue();

  async function embed(texts: readonly string[]): Promise<Float32Array[]> {
    const rows = texts.map((text, index) => ({ index, tokens: tokenizer.encode(text, window) }));
    const vectors = new Array<Float32Array>(texts.length);
    for (const batch of batchByLength(rows, maxBatchTokens)) {
      const all = (await session.run(batchInputs(batch))).floats('embeddings');
      const size = all.length / batch.rows.length;
      batch.rows.forEach((row, r) => {
        vectors[row.index] = toUnitLength(all.subarray(r * size, (r + 1) * size), folder);
      });
    }
    return vectors;
  }

  return {
    identity,
    graphs: compiled,
    maxInputTokens: window,
    countTokens: tokenizer.count,
    embed: (texts) => serially(() => embed(texts)),
    close: () => serially(() => session.close()),
  };
}

function checkDense(folder: string, { dense }: PoolingConfig, { size }: Encoder): void {
  if (dense && dense.inputs !== size) {
    throw new CheckpointError(`${folder}: its dense layer takes ${dense.inputs} features, but hidden_size is ${size}`);
  }
}

function buildGraph(model: Encoder, source: Source, { of, dense }: PoolingConfig): Uint8Array {
  if (!dense) return model.graph(source, { of, dense });
  const tensors = openWeights(dense.folder);
  try {
    return model.graph(source, { of, dense: { tensors, outputs: dense.outputs, tanh: dense.tanh } });
  } finally {
    tensors.close();
  }
}

function toUnitLength(vector: Float32Array, folder: string): Float32Array {
  const length = Math.sqrt(vector.reduce((sum, value) => sum + value * value, 0));
  if (!Number.isFinite(length)) throw new CheckpointError(`${folder} gives embeddings that are not finite`);
  // sentence-transformers, too, leaves a vector of zeros unchanged.
  return length === 0 ? vector.slice() : vector.map((value) => value / length);
}
