import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import fc from 'fast-check';
import { afterAll, describe, expect, test } from 'vitest';
import { openTorchFile } from '../../../src/engine/checkpoint/weights/torch-file.ts';
import { refusalOf } from '../../support/refusal.ts';
import {
  global,
  integer,
  type Member,
  pickle,
  stateDictPickle,
  storedZip,
  type TensorPickle,
  text,
  torchFile,
} from '../../support/torch-archive.ts';

const FIXTURES = join(import.meta.dirname, '../../fixtures/weights');
const folder = mkdtempSync(join(tmpdir(), 'detoxq-torch-'));
afterAll(() => rmSync(folder, { recursive: true }));
const file = join(folder, 'pytorch_model.bin');

interface Expected {
  readonly dtype: string;
  readonly shape: number[];
  readonly values: number[];
}
const expected: Record<string, Record<string, Expected>> = JSON.parse(
  readFileSync(join(FIXTURES, 'expected.json'), 'utf8'),
);

function refusal(bytes: Uint8Array): string {
  writeFileSync(file, bytes);
  return refusalOf(() => openTorchFile(file).close());
}

const FLOATS = new Uint8Array(Float32Array.from([1, 2, 3, 4, 5, 6]).buffer);
const A: TensorPickle = { name: 'a', shape: [2, 3], storage: '0', length: 6 };

/** An archive with one storage of six numbers, and this pickle. */
function archive(data: Uint8Array, ...more: Member[]): Buffer {
  return storedZip([{ name: 'x/data.pkl', data }, { name: 'x/data/0', data: FLOATS }, ...more]);
}

const withTensor = (change: Partial<TensorPickle>): Buffer => archive(stateDictPickle([{ ...A, ...change }]));

describe('files that torch wrote', () => {
  test.each(['fp32.bin', 'fp16.bin', 'bf16.bin'])('%s: every tensor as torch reads it', (name) => {
    const tensors = openTorchFile(join(FIXTURES, name));
    const known = expected[name]!;
    expect(Object.fromEntries(tensors.infos)).toMatchObject(
      Object.fromEntries(Object.entries(known).map(([key, { dtype, shape }]) => [key, { dtype, shape }])),
    );
    expect(tensors.infos.size).toBe(Object.keys(known).length);
    for (const [key, { dtype, shape, values }] of Object.entries(known)) {
      if (/^(F32|F16|BF16)$/.test(dtype)) expect([...tensors.read(key, shape)], key).toEqual(values);
      else
        expect(refusalOf(() => tensors.read(key, shape))).toContain(
          `tensor ${key} is ${dtype}; only F32, F16 and BF16`,
        );
    }
    tensors.close();
  });

  test('a tensor that is missing or of another shape is named', () => {
    const tensors = openTorchFile(join(FIXTURES, 'fp32.bin'));
    expect(refusalOf(() => tensors.read('lm_head.weight', [1]))).toContain('has no tensor lm_head.weight');
    expect(refusalOf(() => tensors.read('shared.weight', [4, 7]))).toContain(
      'tensor shared.weight is [7, 4], but config.json makes it [4, 7]',
    );
    tensors.close();
  });

  test.each([
    ['old-form.bin', 'has the form of torch before 1.6'],
    ['training.bin', '"epoch" is not a tensor'],
    ['protocol4.bin', 'has protocol 4'],
  ])('%s is refused with the reason', (name, reason) => {
    expect(refusalOf(() => openTorchFile(join(FIXTURES, name)))).toContain(reason);
  });

  test('a file that is missing, empty, or a pointer of Git LFS', () => {
    expect(refusalOf(() => openTorchFile(join(folder, 'none.bin')))).toContain('does not exist');
    expect(refusal(Buffer.alloc(0))).toContain('it is too short');
    expect(refusal(Buffer.from('version https://git-lfs.github.com/spec/v1\noid sha256:00\nsize 3\n'))).toContain(
      'LFS',
    );
  });

  test('cut short anywhere', () => {
    const whole = readFileSync(join(FIXTURES, 'fp32.bin'));
    for (let length = 0; length < whole.length; length += 41) {
      expect(refusal(whole.subarray(0, length)).length).toBeGreaterThan(10);
    }
  });
});

describe('pickles that would run code', () => {
  const system = global('posix', 'system');
  const dict = `${global('collections', 'OrderedDict')})R`;
  test.each<[string, string, string]>([
    ['os.system', `${system}(${text('id')}tR`, 'names "posix.system"'],
    ['builtins.eval', `${global('builtins', 'eval')}(${text('1')}tR`, 'names "builtins.eval"'],
    [
      'a call within the arguments of a tensor',
      `${global('torch._utils', '_rebuild_tensor_v2')}(${system})RtR`,
      'posix',
    ],
    ['a module of torch that runs code', `${global('torch.hub', 'load')}(${text('x')}tR`, 'names "torch.hub.load"'],
    [
      'a storage class that is called',
      `${global('torch', 'FloatStorage')}(${integer(3)}tR`,
      'calls torch.FloatStorage',
    ],
    ['a dictionary made of arguments', `${global('collections', 'OrderedDict')}(${system}tR`, 'posix'],
    ['a dictionary with an argument', `${global('collections', 'OrderedDict')}(]tR`, 'calls collections.OrderedDict'],
    ['a dictionary that is called', `${dict})R`, 'calls what cannot be called'],
    ['a parameter of no tensor', `${global('torch._utils', '_rebuild_parameter')}(${dict}\x88${dict}tR`, 'calls torch'],
    ['BUILD on a tensor', `${dict}(${text('a')}${global('torch', 'FloatStorage')}}b`, 'sets the state of an object'],
    ['BUILD with a state that is not a dictionary', `${dict}${text('x')}b`, 'sets the state of an object'],
    ['INST', `(${text('id')}iposix\nsystem\n`, 'opcode 0x69'],
    ['OBJ', `(${global('collections', 'OrderedDict')}o`, 'opcode 0x6f'],
    ['NEWOBJ', `${global('collections', 'OrderedDict')})\x81`, 'opcode 0x81'],
    ['NEWOBJ_EX', `${global('collections', 'OrderedDict')})}\x92`, 'opcode 0x92'],
    ['STACK_GLOBAL', `${text('posix')}${text('system')}\x93`, 'opcode 0x93'],
    ['EXT1', '\x82\x01', 'opcode 0x82'],
    ['a persistent id in text', 'Pstorage\n', 'opcode 0x50'],
    ['a persistent id that is no storage', `${text('x')}Q`, 'refers to a storage in a way'],
    [
      'a storage of another class',
      `(${text('storage')}${dict}${text('0')}${text('cpu')}${integer(6)}tQ`,
      'refers to a storage',
    ],
    ['no dictionary', ']', 'not a dictionary of tensors'],
    ['a key that is not a string', `}${integer(1)}Ns`, 'a key that is not a string'],
    ['a value that was never made', 'h\x07', 'refers to a value 7'],
    ['too few values', 'R', 'takes a value that is not there'],
    ['a tuple without a mark', 't', 'takes values that are not there'],
    ['an odd number of items', '}(Nu', 'fills something that is not a dictionary'],
    ['something after its end', `}.${system}`, 'goes on after its end'],
    ['two results', '}}', 'goes on after its end'],
    ['a number of 255 bytes', `\x8a\xff${'\x7f'.repeat(255)}`, 'more than 53 bits'],
    ['text that is not UTF-8', 'X\x01\0\0\0\xff', 'not UTF-8'],
    ['a string longer than the file', 'X\xff\xff\xff\xff', 'is cut short'],
    ['a name without an end', 'cposix', 'is cut short'],
  ])('%s', (_, program, reason) => {
    expect(refusal(archive(pickle(program)))).toContain(reason);
  });

  test('millions of instructions end early', () => {
    expect(refusal(archive(pickle('}'.repeat(3_000_000))))).toContain('more than 2000000 instructions');
  });

  test('a dictionary that holds itself is not a tensor, and does not hang', () => {
    expect(refusal(archive(pickle('}q\0', text('a'), 'h\0s')))).toContain('"a" is not a tensor');
  });
});

describe('tensors and storages that do not fit', () => {
  test.each<[string, Buffer, string]>([
    ['more elements than the storage has', withTensor({ shape: [2, 4] }), 'reaches outside its storage'],
    ['an offset behind the end', withTensor({ offset: 1 }), 'reaches outside its storage'],
    ['an offset that is negative', withTensor({ offset: -1 }), 'described in a way'],
    ['strides that leave the storage', withTensor({ shape: [2, 2], strides: [5, 1] }), 'reaches outside its storage'],
    [
      'one number spread over a large tensor',
      withTensor({ shape: [1_000_000, 1_000_000], strides: [0, 0] }),
      'reaches',
    ],
    [
      'sizes whose product overflows',
      withTensor({ shape: Array(40).fill(2 ** 30), strides: Array(40).fill(0) }),
      'reaches',
    ],
    ['a negative size', withTensor({ shape: [-2, -3] }), 'described in a way'],
    ['as many strides as it likes', withTensor({ strides: [1] }), 'described in a way'],
    ['a storage shorter than the pickle says', withTensor({ length: 7 }), 'has 24 bytes, its tensors want 28'],
    ['a storage longer than the pickle says', withTensor({ length: 5 }), 'has 24 bytes, its tensors want 20'],
    ['a storage of another type', withTensor({ type: 'DoubleStorage' }), 'has 24 bytes, its tensors want 48'],
    ['a storage that is missing', withTensor({ storage: '1' }), 'storage "1" is missing'],
    ['a storage outside its folder', withTensor({ storage: '../data/0' }), 'is missing'],
  ])('%s', (_, bytes, reason) => {
    expect(refusal(bytes)).toContain(reason);
  });

  test('tied and overlapping views are read, each as it should be', () => {
    writeFileSync(
      file,
      archive(
        stateDictPickle([A, { ...A, name: 'tied' }, { ...A, name: 'part', shape: [2], offset: 2, strides: [2] }]),
      ),
    );
    const tensors = openTorchFile(file);
    expect([...tensors.read('tied', [2, 3])]).toEqual([1, 2, 3, 4, 5, 6]);
    expect([...tensors.read('part', [2])]).toEqual([3, 5]);
    tensors.close();
  });
});

describe('archives with tricks', () => {
  const data = stateDictPickle([A]);
  const good: Member[] = [
    { name: 'x/data.pkl', data },
    { name: 'x/data/0', data: FLOATS },
  ];
  const lie = (says: Member['says']): Buffer => storedZip([good[0]!, { ...good[1]!, ...(says ? { says } : {}) }]);
  test.each<[string, Buffer, string]>([
    ['a compressed member', lie({ method: 8 }), 'is compressed'],
    ['an encrypted member', lie({ flags: 1 }), 'is encrypted'],
    ['a member with two sizes', lie({ size: 12 }), 'has two sizes, 12 and 24'],
    ['a member longer than the file', lie({ size: 9999, stored: 9999 }), 'lies outside the file'],
    ['a member that starts outside the file', lie({ position: 99_999 }), 'lies outside the file'],
    ['a member on top of another', lie({ position: 0 }), 'overlaps another'],
    ['a member that starts where no header is', lie({ position: 41 + data.length }), 'has no header'],
    ['two names for a member', lie({ localName: 'x/data/1' }), 'disagree on its name'],
    ['a member whose ZIP64 field is missing', lie({ size: 0xffffffff, stored: 0xffffffff }), 'ZIP64 field'],
    ['a member twice', storedZip([...good, good[1]!]), 'two members "x/data/0"'],
    ['a name that leaves its folder', storedZip([...good, { name: '../evil', data }]), 'a member with the name'],
    ['an absolute name', storedZip([...good, { name: '/etc/passwd', data }]), 'a member with the name'],
    ['a name of another system', storedZip([...good, { name: 'C:\\evil', data }]), 'a member with the name'],
    ['two pickles', storedZip([...good, { name: 'y/data.pkl', data }]), '2 members data.pkl'],
    ['no pickle', storedZip([good[1]!]), '0 members data.pkl'],
    ['a wrong count', storedZip(good, { count: 3 }), 'its end record says 3'],
    ['a big-endian machine', storedZip([...good, { name: 'x/byteorder', data: Buffer.from('big') }]), 'big-endian'],
  ])('%s', (_, bytes, reason) => {
    expect(refusal(bytes)).toContain(reason);
  });

  test('end records that point anywhere', () => {
    const whole = storedZip(good);
    for (const [at, value] of [
      [12, 0xfffffffe],
      [16, 0xfffffffe],
      [12, 0],
      [16, 0],
      [16, 0xffffffff],
    ] as const) {
      const bytes = Buffer.from(whole);
      bytes.writeUInt32LE(value, bytes.length - 22 + at);
      expect(refusal(bytes)).not.toBe('no error');
    }
  });
});

/** Reads everything there is: what a reader gives is right in form, whatever the file says. */
function readAll(): void {
  const tensors = openTorchFile(file);
  try {
    for (const [name, { dtype, shape }] of tensors.infos) {
      if (!/^(F32|F16|BF16)$/.test(dtype)) continue;
      expect(tensors.read(name, shape).length).toBe(shape.reduce((product, size) => product * size, 1));
    }
  } finally {
    tensors.close();
  }
}

test('changed bytes end in tensors or a CheckpointError', () => {
  const originals: Uint8Array[] = ['fp32.bin', 'fp16.bin'].map((name) => readFileSync(join(FIXTURES, name)));
  originals.push(torchFile(new Map([['a', { shape: [2], values: Float32Array.from([1, 2]) }]])));
  const change = fc.record({ at: fc.nat(8000), byte: fc.oneof(fc.nat(255), fc.constantFrom(0, 0x7f, 0x80, 0xff)) });
  fc.assert(
    fc.property(
      fc.constantFrom(...originals),
      fc.array(change, { minLength: 1, maxLength: 6 }),
      fc.option(fc.nat(8000)),
      (original, changes, cut) => {
        const bytes = Buffer.from(original);
        for (const { at, byte } of changes) bytes[at % bytes.length] = byte;
        writeFileSync(file, cut === null ? bytes : bytes.subarray(0, cut));
        expect(refusalOf(readAll).length).toBeGreaterThan(0);
      },
    ),
    { numRuns: Number(process.env.FUZZ_RUNS ?? 300) },
  );
});

test('programs of random opcodes end in a CheckpointError', () => {
  const opcodes = [...'cRbQ(N\x88\x89JKMX)t\x85\x86\x87]ae}suqrhjGio2'].map((opcode) => fc.constant(opcode));
  const piece = fc.oneof(
    ...opcodes,
    fc.constantFrom(text('a'), text('storage'), integer(1), 'q\0', 'h\0', `${global('collections', 'OrderedDict')})R`),
    fc.constantFrom(global('torch', 'FloatStorage'), global('torch._utils', '_rebuild_tensor_v2')),
  );
  fc.assert(
    fc.property(fc.array(piece, { maxLength: 40 }), (program) => {
      writeFileSync(file, archive(pickle(...program)));
      expect(refusalOf(readAll).length).toBeGreaterThan(0);
    }),
    { numRuns: Number(process.env.FUZZ_RUNS ?? 300) },
  );
});
