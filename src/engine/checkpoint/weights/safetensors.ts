import { CheckpointError } from '../../../contract/errors.ts';
import { parseCheckpointJson } from '../checkpoint-file.ts';
import { type ByteFile, openByteFile } from './byte-file.ts';
import { expectTensor, type TensorInfo, type Tensors, toFloat32 } from './tensors.ts';

/** The format's own limit on its JSON header. */
const MAX_HEADER_BYTES = 100_000_000;

const BYTES_PER_ELEMENT: Readonly<Record<string, number>> = {
  BOOL: 1, U8: 1, I8: 1, F8_E5M2: 1, F8_E4M3: 1, I16: 2, U16: 2, F16: 2, BF16: 2, I32: 4, U32: 4, F32: 4, F64: 8,
  I64: 8, U64: 8,
}; // biome-ignore format: a table

interface Entry extends TensorInfo {
  /** Bytes from the end of the header, half open. */
  readonly begin: number;
  readonly end: number;
}

/**
 * Opens a `.safetensors` file (https://github.com/huggingface/safetensors, "Format"): 8 bytes of header length, a JSON
 * header, the tensors. It checks the whole header before it reads any tensor: types, shapes, offsets inside the file, no
 * overlap and no gap. F32, F16 and BF16 tensors can be read.
 */
export function openSafetensors(path: string): Tensors {
  const file = openByteFile(path);
  try {
    const { entries, dataStart } = readHeader(file);
    return {
      infos: entries,
      has: (name) => entries.has(name),
      read(name, shape) {
        const { dtype, begin, end } = expectTensor(path, entries, name, shape);
        return toFloat32(dtype, file.read(dataStart + begin, end - begin));
      },
      close: file.close,
    };
  } catch (error) {
    file.close();
    throw error;
  }
}

function readHeader({ path: file, size, read }: ByteFile): { entries: Map<string, Entry>; dataStart: number } {
  const length = Number(Buffer.from(read(0, 8).buffer).readBigUInt64LE());
  if (length > MAX_HEADER_BYTES || length + 8 > size) {
    throw new CheckpointError(`${file} is not a safetensors file: its first 8 bytes give a header of ${length} bytes`);
  }
  const bytes = Buffer.from(read(8, length).buffer);
  const header = parseCheckpointJson(
    bytes.toString('utf8'),
    `${file}: the header is not JSON, so this is not a safetensors file`,
  );
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
