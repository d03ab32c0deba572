import { CheckpointError } from '../../../contract/errors.ts';
import { bfloat16ToFloat32, float16ToFloat32 } from './float16.ts';

/** What the header of a weight file says about a tensor. */
export interface TensorInfo {
  /** As safetensors names it: `F32`, `F16`, `BF16`, `I64`, … */
  readonly dtype: string;
  readonly shape: readonly number[];
}

/** The tensors of a checkpoint, by name, from all of its weight files. Opening reads headers only. */
export interface Tensors {
  /** All tensors. A tensor that is stored under two names (a tied weight) is listed twice. */
  readonly infos: ReadonlyMap<string, TensorInfo>;
  has(name: string): boolean;
  /** The tensor as fp32, row-major. Throws `CheckpointError` if it is absent or its shape is not `shape`. */
  read(name: string, shape: readonly number[]): Float32Array;
  close(): void;
}

/** Finds a tensor to read. @throws CheckpointError that names it, if it is absent, of another shape or not of floats */
export function expectTensor<T extends TensorInfo>(
  file: string,
  infos: ReadonlyMap<string, T>,
  name: string,
  shape: readonly number[],
): T {
  const info = infos.get(name);
  if (!info) throw new CheckpointError(`${file} has no tensor ${name}, which config.json calls for`);
  if (info.shape.join() !== shape.join()) {
    throw new CheckpointError(
      `${file}: tensor ${name} is [${info.shape.join(', ')}], but config.json makes it [${shape.join(', ')}]`,
    );
  }
  if (info.dtype !== 'F32' && info.dtype !== 'F16' && info.dtype !== 'BF16') {
    throw new CheckpointError(`${file}: tensor ${name} is ${info.dtype}; only F32, F16 and BF16 weights can be read`);
  }
  return info;
}

/** Converts little-endian floats to fp32; fp32 needs no copy. */
export function toFloat32(dtype: string, bytes: Uint8Array<ArrayBuffer>): Float32Array {
  if (dtype === 'F32') return new Float32Array(bytes.buffer);
  const halves = new Uint16Array(bytes.buffer);
  return dtype === 'F16' ? float16ToFloat32(halves) : bfloat16ToFloat32(halves);
}
