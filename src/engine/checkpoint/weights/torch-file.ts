import { CheckpointError } from '../../../contract/errors.ts';
import { type ByteFile, openByteFile } from './byte-file.ts';
import { isGlobal, type PickleValue, unpickle } from './pickle.ts';
import { readStoredZip, type StoredEntry } from './stored-zip.ts';
import { expectTensor, type TensorInfo, type Tensors, toFloat32 } from './tensors.ts';

/** torch's storage classes: the dtype in safetensors' words, and bytes per element. */
const STORAGES: ReadonlyMap<string, { readonly dtype: string; readonly width: number }> = new Map([
  ['torch.FloatStorage', { dtype: 'F32', width: 4 }],
  ['torch.HalfStorage', { dtype: 'F16', width: 2 }],
  ['torch.BFloat16Storage', { dtype: 'BF16', width: 2 }],
  ['torch.DoubleStorage', { dtype: 'F64', width: 8 }],
  ['torch.LongStorage', { dtype: 'I64', width: 8 }],
  ['torch.IntStorage', { dtype: 'I32', width: 4 }],
  ['torch.ShortStorage', { dtype: 'I16', width: 2 }],
  ['torch.CharStorage', { dtype: 'I8', width: 1 }],
  ['torch.ByteStorage', { dtype: 'U8', width: 1 }],
  ['torch.BoolStorage', { dtype: 'BOOL', width: 1 }],
]);
const DICTIONARY = 'collections.OrderedDict';
const TENSOR = 'torch._utils._rebuild_tensor_v2';
const PARAMETER = 'torch._utils._rebuild_parameter';
const ALLOWED: ReadonlySet<string> = new Set([DICTIONARY, TENSOR, PARAMETER, ...STORAGES.keys()]);

/** Limit of a pickle. That of a checkpoint with a thousand tensors takes 0.2 MB. */
const MAX_PICKLE_BYTES = 16 << 20;

interface Storage {
  readonly made: 'storage';
  readonly dtype: string;
  readonly width: number;
  /** Elements of `width` bytes. */
  readonly length: number;
  /** Bytes from the start of the file. */
  readonly position: number;
}

interface Tensor extends TensorInfo {
  readonly made: 'tensor';
  readonly storage: Storage;
  /** In elements, as `strides`. */
  readonly offset: number;
  readonly strides: readonly number[];
}

type Value = PickleValue<Storage | Tensor>;

/**
 * Opens a `pytorch_model.bin`: a ZIP archive (torch 1.6 and later) with a pickled state dict and one member per storage. The
 * pickle is read by a machine that cannot run code (`unpickle`). Before any tensor is read, every tensor is checked against
 * its storage, and every storage against the file. Tied weights share a storage. A tensor with other strides is converted to
 * row-major order when it is read.
 */
export function openTorchFile(path: string): Tensors {
  const file = openByteFile(path);
  try {
    const tensors = readStateDict(file);
    return {
      infos: tensors,
      has: (name) => tensors.has(name),
      read: (name, shape) => readTensor(file, expectTensor(path, tensors, name, shape)),
      close: file.close,
    };
  } catch (error) {
    file.close();
    throw error;
  }
}

function readStateDict(file: ByteFile): Map<string, Tensor> {
  refuseOldForm(file);
  const wrong = (what: string) => new CheckpointError(`${file.path}: ${what}`);
  const entries = readStoredZip(file);
  const pickles = [...entries.keys()].filter((name) => /^[^/]+\/data\.pkl$/.test(name));
  const [pickleName] = pickles;
  if (pickleName === undefined || pickles.length > 1) {
    throw wrong(`the archive has ${pickles.length} members data.pkl instead of one: it is not a checkpoint of weights`);
  }
  const folder = pickleName.slice(0, -'data.pkl'.length);
  const order = readSmall(file, entries.get(`${folder}byteorder`), 16);
  if (order !== null && Buffer.from(order).toString('latin1') !== 'little') {
    throw wrong('the weights were written on a big-endian machine: save them again on another one');
  }
  const pickle = readSmall(file, entries.get(pickleName), MAX_PICKLE_BYTES);
  if (pickle === null) throw wrong(`${pickleName} has more than ${MAX_PICKLE_BYTES} bytes`);

  const root = unpickle<Storage | Tensor>(file.path, pickle, {
    allowed: ALLOWED,
    persistent: (id) => makeStorage(id, (key) => entries.get(`${folder}data/${key}`), wrong),
    call(name, args) {
      if (name === DICTIONARY && args.length === 0) return new Map();
      if (name === TENSOR) return makeTensor(args, wrong);
      // Data, whether it is trained, hooks.
      if (name === PARAMETER && isTensor(args[0])) return args[0];
      throw wrong(`the pickle in it calls ${name} in a way that torch.save does not`);
    },
  });
  return namedTensors(root, wrong);
}

function refuseOldForm(file: ByteFile): void {
  const start = Buffer.from(file.read(0, Math.min(4, file.size)).buffer).toString('hex');
  if (start.startsWith('8002')) {
    throw new CheckpointError(
      `${file.path} has the form of torch before 1.6, which is not read here. Look for model.safetensors in the same repository, ` +
        'or write it anew in Python, with torch 2.6 or later: ' +
        `d = torch.load("pytorch_model.bin", weights_only=True); torch.save(d, "pytorch_model.bin")`,
    );
  }
}

function readSmall(file: ByteFile, entry: StoredEntry | undefined, limit: number): Uint8Array | null {
  return entry && entry.size <= limit ? file.read(entry.position, entry.size) : null;
}

function namedTensors(root: Value, wrong: (what: string) => CheckpointError): Map<string, Tensor> {
  if (!(root instanceof Map)) throw wrong('the pickle in it is not a dictionary of tensors');
  const tensors = new Map<string, Tensor>();
  for (const [name, value] of root) {
    if (typeof name !== 'string') throw wrong('the dictionary in it has a key that is not a string');
    if (!isTensor(value)) {
      throw wrong(
        `${JSON.stringify(name.slice(0, 200))} is not a tensor: this is not the state dict that save_pretrained writes`,
      );
    }
    tensors.set(name, value);
  }
  return tensors;
}

function isTensor(value: unknown): value is Tensor {
  return typeof value === 'object' && value !== null && 'made' in value && value.made === 'tensor';
}

function isSize(value: unknown): value is number {
  return typeof value === 'number' && Number.isSafeInteger(value) && value >= 0;
}

function isSizes(value: unknown): value is number[] {
  return Array.isArray(value) && value.every(isSize);
}

/** `('storage', class, key, location, elements)`. The location, a device, is not needed. */
function makeStorage(
  id: Value,
  find: (key: string) => StoredEntry | undefined,
  wrong: (what: string) => CheckpointError,
): Storage {
  const [kind, type, key, , length] = Array.isArray(id) ? id : [];
  const form = isGlobal(type) ? STORAGES.get(type.global) : undefined;
  if (kind !== 'storage' || !form || typeof key !== 'string' || !isSize(length)) {
    throw wrong('the pickle in it refers to a storage in a way that torch.save does not');
  }
  const entry = find(key);
  const shown = JSON.stringify(key.slice(0, 100));
  if (!entry) throw wrong(`storage ${shown} is missing`);
  const bytes = length * form.width;
  if (entry.size !== bytes) throw wrong(`storage ${shown} has ${entry.size} bytes, its tensors want ${bytes}`);
  return { made: 'storage', ...form, length, position: entry.position };
}

/** `(storage, offset, sizes, strides, …)`; the rest is about training. */
function makeTensor(args: readonly Value[], wrong: (what: string) => CheckpointError): Tensor {
  const [storage, offset, shape, strides] = args;
  const isStorage = typeof storage === 'object' && storage !== null && 'made' in storage && storage.made === 'storage';
  if (!isStorage || !isSize(offset) || !isSizes(shape) || !isSizes(strides) || shape.length !== strides.length) {
    throw wrong('a tensor in it is described in a way that torch.save does not');
  }
  const elements = product(shape);
  const last = shape.reduce((sum, size, i) => sum + (size - 1) * (strides[i] ?? 0), offset);
  // At most as many elements as the storage has: a stride of 0 would make a tensor of any size out of one number.
  if (elements > 0 && (last >= storage.length || elements > storage.length)) {
    throw wrong(`a tensor [${shape.join(', ')}] in it reaches outside its storage of ${storage.length} elements`);
  }
  return { made: 'tensor', dtype: storage.dtype, shape, storage, offset, strides };
}

function product(sizes: readonly number[]): number {
  return sizes.reduce((all, size) => all * size, 1);
}

function rowMajor(shape: readonly number[]): number[] {
  const strides: number[] = new Array(shape.length).fill(1);
  for (let i = shape.length - 2; i >= 0; i--) strides[i] = (strides[i + 1] ?? 1) * (shape[i + 1] ?? 1);
  return strides;
}

function readTensor(file: ByteFile, { storage, offset, shape, strides }: Tensor): Float32Array {
  const { width, dtype } = storage;
  const elements = product(shape);
  if (elements === 0) return new Float32Array(0);
  const plain = rowMajor(shape);
  const contiguous = shape.every((size, i) => size === 1 || strides[i] === plain[i]);
  const span = contiguous ? elements : 1 + shape.reduce((sum, size, i) => sum + (size - 1) * (strides[i] ?? 0), 0);
  const values = toFloat32(dtype, file.read(storage.position + offset * width, span * width));
  return contiguous ? values : gather(values, shape, strides, elements);
}

/** Row-major order from any strides. */
function gather(
  values: Float32Array,
  shape: readonly number[],
  strides: readonly number[],
  elements: number,
): Float32Array {
  const out = new Float32Array(elements);
  const index: number[] = new Array(shape.length).fill(0);
  let from = 0;
  for (let to = 0; to < elements; to++) {
    out[to] = values[from] ?? 0;
    for (let axis = shape.length - 1; axis >= 0; axis--) {
      const stride = strides[axis] ?? 0;
      const next = (index[axis] ?? 0) + 1;
      if (next < (shape[axis] ?? 0)) {
        index[axis] = next;
        from += stride;
        break;
      }
      from -= (next - 1) * stride;
      index[axis] = 0;
    }
  }
  return out;
}
