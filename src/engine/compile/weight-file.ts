import { createHash } from 'node:crypto';
import { closeSync, openSync, writeSync } from 'node:fs';
import type { ElementType, ExternalData, TensorData } from '../onnx/graph.ts';

interface StoredTensor {
  readonly type: ElementType;
  readonly dims: readonly number[];
  readonly data: ExternalData;
}

/** The file beside the graphs with their large tensors. All graphs of a model share it. */
export interface WeightFile {
  /** Stores the result of `make`, once per key. */
  store(key: string, type: ElementType, dims: readonly number[], make: () => TensorData): StoredTensor;
  close(): void;
}

/**
 * From this size on, a tensor is compared with those already stored. A pytorch_model.bin has the embeddings of both sides
 * under two names, 154 MB each in a BART-base. Hashing one took half a second on a busy machine.
 */
const SHARE_FROM_BYTES = 1 << 20;

/** onnxruntime maps the file into memory; whole cache lines keep its vector loads aligned. */
const ALIGNMENT = 64;

export function createWeightFile(folder: string, name: string): WeightFile {
  const descriptor = openSync(`${folder}/${name}`, 'wx');
  const stored = new Map<string, StoredTensor>();
  const shared = new Map<string, StoredTensor>();
  let end = 0;
  return {
    store(key, type, dims, make) {
      const known = stored.get(key);
      if (known) return known;
      const values = make();
      const bytes = new Uint8Array(values.buffer, values.byteOffset, values.byteLength);
      const content =
        bytes.length < SHARE_FROM_BYTES ? null : `${type} ${dims} ${createHash('sha256').update(bytes).digest('hex')}`;
      const equal = content === null ? undefined : shared.get(content);
      if (equal) {
        stored.set(key, equal);
        return equal;
      }
      const offset = Math.ceil(end / ALIGNMENT) * ALIGNMENT;
      for (let done = 0; done < bytes.length; )
        done += writeSync(descriptor, bytes, done, bytes.length - done, offset + done);
      end = offset + bytes.length;
      const tensor = { type, dims, data: { location: name, offset, length: bytes.length } };
      stored.set(key, tensor);
      if (content !== null) shared.set(content, tensor);
      return tensor;
    },
    close: () => closeSync(descriptor),
  };
}
