/** Archives and pickles as `torch.save` writes them, and with one thing wrong. */

export interface Member {
  readonly name: string;
  readonly data: Uint8Array;
  /** What the headers say, where it is not the truth. */
  readonly says?: {
    readonly size?: number;
    readonly stored?: number;
    readonly method?: number;
    readonly flags?: number;
    readonly localName?: string;
    readonly position?: number;
  };
}

/** A ZIP archive of stored members, without ZIP64. */
export function storedZip(members: readonly Member[], says: { readonly count?: number } = {}): Buffer {
  const parts: Buffer[] = [];
  const central: Buffer[] = [];
  let position = 0;
  for (const { name, data, says: lie = {} } of members) {
    const localName = Buffer.from(lie.localName ?? name);
    const local = Buffer.alloc(30);
    local.writeUInt32LE(0x04034b50, 0);
    local.writeUInt16LE(lie.flags ?? 0, 6);
    local.writeUInt16LE(lie.method ?? 0, 8);
    local.writeUInt32LE(lie.stored ?? data.length, 18);
    local.writeUInt32LE(lie.size ?? data.length, 22);
    local.writeUInt16LE(localName.length, 26);
    const entry = Buffer.alloc(46);
    entry.writeUInt32LE(0x02014b50, 0);
    entry.writeUInt16LE(lie.flags ?? 0, 8);
    entry.writeUInt16LE(lie.method ?? 0, 10);
    entry.writeUInt32LE(lie.stored ?? data.length, 20);
    entry.writeUInt32LE(lie.size ?? data.length, 24);
    entry.writeUInt16LE(Buffer.byteLength(name), 28);
    entry.writeUInt32LE(lie.position ?? position, 42);
    central.push(entry, Buffer.from(name));
    parts.push(local, localName, Buffer.from(data));
    position += 30 + localName.length + data.length;
  }
  const directory = Buffer.concat(central);
  const end = Buffer.alloc(22);
  end.writeUInt32LE(0x06054b50, 0);
  end.writeUInt16LE(says.count ?? members.length, 8);
  end.writeUInt16LE(says.count ?? members.length, 10);
  end.writeUInt32LE(directory.length, 12);
  end.writeUInt32LE(position, 16);
  return Buffer.concat([...parts, directory, end]);
}

/** A pickle out of opcodes (one character a byte, latin1) and the pieces below. */
export function pickle(...parts: readonly string[]): Buffer {
  return Buffer.from(`\x80\x02${parts.join('')}.`, 'latin1');
}

const uint32 = (value: number): string => {
  const bytes = Buffer.alloc(4);
  bytes.writeUInt32LE(value);
  return bytes.toString('latin1');
};

export const text = (value: string): string => `X${uint32(Buffer.byteLength(value))}${value}`;
export const integer = (value: number): string => `J${uint32(value >>> 0)}`;
export const sizes = (values: readonly number[]): string => `(${values.map(integer).join('')}t`;
export const global = (module: string, name: string): string => `c${module}\n${name}\n`;

export interface TensorPickle {
  readonly name: string;
  readonly shape: readonly number[];
  readonly strides?: readonly number[];
  readonly offset?: number;
  readonly storage: string;
  /** Elements of the storage. */
  readonly length: number;
  readonly type?: string;
}

export function rowMajor(shape: readonly number[]): number[] {
  return shape.map((_, axis) => shape.slice(axis + 1).reduce((product, size) => product * size, 1));
}

/** Name and tensor, as they stand between the MARK and the SETITEMS of a state dict. */
export function tensorPickle({ name, shape, strides, offset, storage, length, type }: TensorPickle): string {
  const id = `(${text('storage')}${global('torch', type ?? 'FloatStorage')}${text(storage)}${text('cpu')}${integer(length)}tQ`;
  const hooks = `${global('collections', 'OrderedDict')})R`;
  const args = `(${id}${integer(offset ?? 0)}${sizes(shape)}${sizes(strides ?? rowMajor(shape))}\x89${hooks}t`;
  return `${text(name)}${global('torch._utils', '_rebuild_tensor_v2')}${args}R`;
}

export function stateDictPickle(tensors: readonly TensorPickle[]): Buffer {
  return pickle(`${global('collections', 'OrderedDict')})R(`, ...tensors.map(tensorPickle), 'u');
}

/** A `pytorch_model.bin` of fp32 tensors. */
export function torchFile(tensors: ReadonlyMap<string, { shape: readonly number[]; values: Float32Array }>): Buffer {
  const list = [...tensors].map(([name, { shape, values }], index) => ({ name, shape, values, index }));
  const data = stateDictPickle(
    list.map(({ name, shape, values, index }) => ({ name, shape, storage: String(index), length: values.length })),
  );
  return storedZip([
    { name: 'archive/data.pkl', data },
    ...list.map(({ values, index }) => ({
      name: `archive/data/${index}`,
      data: new Uint8Array(values.buffer, values.byteOffset, values.byteLength),
    })),
  ]);
}
