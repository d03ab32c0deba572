import { closeSync, fstatSync, openSync, readSync } from 'node:fs';
import { CheckpointError } from '../../contract/errors.ts';
import { bfloat16ToFloat32, float16ToFloat32 } from './float16.ts';

/** The format's own limit on its JSON header. */
const MAX_HEADER_BYTES = 100_000_000;
const READ_BYTES = 1 << 30;

const BYTES_PER_ELEMENT: Readonly<Record<string, number>> = {
  BOOL: 1, U8: 1, I8: 1, F8_E5M2: 1, F8_E4M3: 1, I16: 2, U16: 2, F16: 2, BF16: 2, I32: 4, U32: 4, F32: 4, F64: 8,
  I64: 8, U64: 8,
}; // biome-ignore format: a table

interface Entry {
  readonly dtype: string;
  readonly shape: readonly number[];
  /** Bytes from the end of the header, half open. */
  readonly begin: number;
  readonly end: number;
}

/** The tensors of a checkpoint, by name. */
export interface Tensors {
  has(name: string): boolean;
  /** The tensor as fp32, row-major. Throws `CheckpointError` if it is absent or its shape is not `shape`. */
  read(name: string, shape: readonly number[]): Float32Array;
  close(): void;
}

/**
 * Opens a `.safetensors` file (https://github.com/huggingface/safetensors, "Format"): 8 bytes of header length, a JSON
 * header, the tensors. The whole header is checked before anything is read: types, shapes, offsets inside the file,
 * no overlap and no gap. F32, F16 and BF16 tensors can be read.
 */
export function openSafetensors(file: string): Tensors {
  const descriptor = openSync(file, 'r');
  try {
    const { entries, dataStart } = readHeader(file, descriptor);
    return {
      has: (name) => entries.has(name),
      read: (name, shape) => readTensor(file, descriptor, dataStart, entries.get(name), name, shape),
      close: () => closeSync(descriptor),
    };
  } catch (error) {
    closeSync(descriptor);
    throw error;
  }
}

function readFully(file: string, descriptor: number, target: Uint8Array, position: number): void {
  let done = 0;
  while (done < target.length) {
    const count = readSync(descriptor, target, done, Math.min(target.length - done, READ_BYTES), position + done);
    if (count === 0) throw new CheckpointError(`${file} ends too early: it is not a complete safetensors file`);
    done += count;
  }
}

function readHeader(file: string, descriptor: number): { entries: Map<string, Entry>; dataStart: number } {
  const size = fstatSync(descriptor).size;
  const prefix = Buffer.alloc(8);
  readFully(file, descriptor, prefix, 0);
  const length = Number(prefix.readBigUInt64LE());
  if (length > MAX_HEADER_BYTES || length + 8 > size) {
    throw new CheckpointError(`${file} is not a safetensors file: its first 8 bytes give a header of ${length} bytes`);
  }
  const bytes = Buffer.alloc(length);
  readFully(file, descriptor, bytes, 8);
  let header: unknown;
  try {
    header = JSON.parse(bytes.toString('utf8'));
  } catch (cause) {
    throw new CheckpointError(`${file}: the header is not JSON, so this is not a safetensors file`, { cause });
  }
  if (typeof header !== 'object' || header === null || Array.isArray(header)) {
    throw new CheckpointError(`${file}: the header is not a JSON object`);
  }
  const entries = new Map<string, Entry>();
  for (const [name, value] of Object.entries(header)) {
    if (name !== '__metadata__') entries.set(name, parseEntry(file, name, value));
  }
  checkLayout(file, entries, size - 8 - length);
  return { entries, dataStart: 8 + length };
}

function isSize(value: unknown): value is number {
  return typeof value === 'number' && Number.isSafeInteger(value) && value >= 0;
}

function parseEntry(file: string, name: string, value: unknown): Entry {
  const wrong = (what: string) => new CheckpointError(`${file}: the header's entry for ${name} has ${what}`);
  if (typeof value !== 'object' || value === null) throw wrong('no fields');
  const { dtype, shape, data_offsets: offsets } = value as { dtype?: unknown; shape?: unknown; data_offsets?: unknown };
  const width = typeof dtype === 'string' ? BYTES_PER_ELEMENT[dtype] : undefined;
  if (typeof dtype !== 'string' || width === undefined) throw wrong(`an unknown dtype ${JSON.stringify(dtype)}`);
  if (!Array.isArray(shape) || !shape.every(isSize)) throw wrong('a shape that is not a list of sizes');
  if (!Array.isArray(offsets) || offsets.length !== 2 || !offsets.every(isSize)) throw wrong('no valid data_offsets');
  const [begin, end] = offsets as [number, number];
  const bytes = shape.reduce((product, dim) => product * dim, width);
  if (end - begin !== bytes) throw wrong(`${end - begin} bytes, but ${dtype} [${shape.join(', ')}] takes ${bytes}`);
  return { dtype, shape, begin, end };
}

function checkLayout(file: string, entries: ReadonlyMap<string, Entry>, dataBytes: number): void {
  let position = 0;
  for (const [name, { begin, end }] of [...entries].sort(([, a], [, b]) => a.begin - b.begin || a.end - b.end)) {
    if (begin !== position) {
      const what = begin < position ? 'overlaps another tensor' : 'leaves a gap before it';
      throw new CheckpointError(`${file}: tensor ${name} ${what}`);
    }
    position = end;
  }
  if (position !== dataBytes) {
    throw new CheckpointError(`${file} holds ${dataBytes} bytes of tensors, but its header describes ${position}`);
  }
}

function readTensor(
  file: string,
  descriptor: number,
  dataStart: number,
  entry: Entry | undefined,
  name: string,
  shape: readonly number[],
): Float32Array {
  if (!entry) throw new CheckpointError(`${file} has no tensor ${name}, which config.json calls for`);
  if (entry.shape.join() !== shape.join()) {
    throw new CheckpointError(
      `${file}: tensor ${name} is [${entry.shape.join(', ')}], but config.json makes it [${shape.join(', ')}]`,
    );
  }
  if (entry.dtype !== 'F32' && entry.dtype !== 'F16' && entry.dtype !== 'BF16') {
    throw new CheckpointError(`${file}: tensor ${name} is ${entry.dtype}; only F32, F16 and BF16 weights can be read`);
  }
  const bytes = new Uint8Array(entry.end - entry.begin);
  readFully(file, descriptor, bytes, dataStart + entry.begin);
  if (entry.dtype === 'F32') return new Float32Array(bytes.buffer);
  const halves = new Uint16Array(bytes.buffer);
  return entry.dtype === 'F16' ? float16ToFloat32(halves) : bfloat16ToFloat32(halves);
}
