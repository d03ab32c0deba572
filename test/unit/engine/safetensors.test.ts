import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import fc from 'fast-check';
import { afterAll, describe, expect, test } from 'vitest';
import { openSafetensors } from '../../../src/engine/checkpoint/weights/safetensors.ts';
import { refusalOf } from '../../support/refusal.ts';

const folder = mkdtempSync(join(tmpdir(), 'detoxq-safetensors-'));
afterAll(() => rmSync(folder, { recursive: true }));
const file = join(folder, 'model.safetensors');

interface Entry {
  dtype: unknown;
  shape: unknown;
  data_offsets: unknown;
}

function write(header: unknown, data: Uint8Array): void {
  const json = Buffer.from(typeof header === 'string' ? header : JSON.stringify(header));
  const length = Buffer.alloc(8);
  length.writeBigUInt64LE(BigInt(json.length));
  writeFileSync(file, Buffer.concat([length, json, data]));
}

const two = (overrides: Partial<Entry> = {}): Record<string, Entry> => ({
  a: { dtype: 'F32', shape: [2, 2], data_offsets: [0, 16] },
  b: { dtype: 'F16', shape: [3], data_offsets: [16, 22], ...overrides },
});

describe('values', () => {
  test('F32, F16 and BF16 come out as fp32', () => {
    const data = new Uint8Array(8 + 8 + 8);
    new Float32Array(data.buffer, 0, 2).set([1.5, -2]);
    // 1, -2, the smallest subnormal, infinity; then 1, -2, 3.140625, 0 as bfloat16
    new Uint16Array(data.buffer, 8).set([0x3c00, 0xc000, 0x0001, 0x7c00, 0x3f80, 0xc000, 0x4049, 0]);
    const header = {
      __metadata__: { format: 'pt' },
      full: { dtype: 'F32', shape: [2], data_offsets: [0, 8] },
      half: { dtype: 'F16', shape: [2, 2], data_offsets: [8, 16] },
      brain: { dtype: 'BF16', shape: [4], data_offsets: [16, 24] },
    };
    write(header, data);
    const tensors = openSafetensors(file);
    expect([...tensors.read('full', [2])]).toEqual([1.5, -2]);
    expect([...tensors.read('half', [2, 2])]).toEqual([1, -2, 2 ** -24, Number.POSITIVE_INFINITY]);
    expect([...tensors.read('brain', [4])]).toEqual([1, -2, 3.140625, 0]);
    expect(tensors.has('full')).toBe(true);
    expect(tensors.has('__metadata__')).toBe(false);
    tensors.close();
  });

  test('halves of both signs rise with the spacing of the format', () => {
    const bits = Uint16Array.from({ length: 65536 }, (_, i) => i);
    write({ all: { dtype: 'F16', shape: [65536], data_offsets: [0, 131072] } }, new Uint8Array(bits.buffer));
    const tensors = openSafetensors(file);
    const values = tensors.read('all', [65536]);
    tensors.close();
    for (let i = 1; i < 0x7c00; i++) {
      expect(values[i]! - values[i - 1]!).toBe(2 ** (Math.max(1, (i - 1) >> 10) - 25));
      expect(values[i + 0x8000]).toBe(-values[i]!);
    }
    expect(values[0x7c01]).toBeNaN();
  });
});

describe('what is refused, and how it is said', () => {
  test.each<[string, unknown, number, string]>([
    ['a header that is not JSON', 'no json', 0, 'not JSON'],
    ['a header that is a list', [], 0, 'not a JSON object'],
    ['an entry without fields', { a: 3 }, 0, 'entry for a'],
    ['an unknown type', two({ dtype: 'F4' }), 22, 'entry for b has an unknown dtype "F4"'],
    ['a negative size', two({ shape: [-3] }), 22, 'entry for b has a shape'],
    ['an offset that is no number', two({ data_offsets: [16, 'x'] }), 22, 'entry for b has no valid data_offsets'],
    ['a shape that does not fit its bytes', two({ shape: [4] }), 22, 'b has 6 bytes, but F16 [4] takes 8'],
    ['overlapping tensors', two({ data_offsets: [14, 20] }), 22, 'b overlaps another tensor'],
    ['a gap', two({ data_offsets: [18, 24] }), 24, 'b leaves a gap'],
    ['a file that is cut short', two(), 20, 'holds 20 bytes of tensors, but its header describes 22'],
    ['bytes after the last tensor', two(), 30, 'holds 30 bytes of tensors, but its header describes 22'],
    ['a shape whose product overflows', two({ shape: [2 ** 40, 2 ** 40] }), 22, 'entry for b has 6 bytes'],
  ])('%s', (_, header, bytes, expected) => {
    write(header, new Uint8Array(bytes));
    expect(refusalOf(() => openSafetensors(file))).toContain(expected);
  });

  test('a header longer than the file, or than the format allows', () => {
    for (const length of [100n, 10n ** 9n, 2n ** 63n]) {
      const bytes = Buffer.alloc(40);
      bytes.writeBigUInt64LE(length);
      writeFileSync(file, bytes);
      expect(refusalOf(() => openSafetensors(file))).toContain('is not a safetensors file');
    }
  });

  test('a file of less than 8 bytes', () => {
    writeFileSync(file, 'abc');
    expect(refusalOf(() => openSafetensors(file))).toContain('ends too early');
  });

  test('a tensor that is missing, of another shape, or not of a float type', () => {
    write({ ...two(), ids: { dtype: 'I64', shape: [1], data_offsets: [22, 30] } }, new Uint8Array(30));
    const tensors = openSafetensors(file);
    expect(refusalOf(() => tensors.read('c', [1]))).toContain('has no tensor c');
    expect(refusalOf(() => tensors.read('a', [4]))).toContain('tensor a is [2, 2], but config.json makes it [4]');
    expect(refusalOf(() => tensors.read('ids', [1]))).toContain('tensor ids is I64');
    tensors.close();
  });

  test('whatever the header says, reading ends in values or a CheckpointError', () => {
    const size = fc.oneof(fc.integer({ min: -2, max: 40 }), fc.double(), fc.constant(null), fc.string());
    const entry = fc.record({
      dtype: fc.oneof(fc.constantFrom('F32', 'F16', 'BF16', 'I64'), fc.anything()),
      shape: fc.oneof(fc.array(size, { maxLength: 3 }), fc.anything()),
      data_offsets: fc.oneof(fc.tuple(size, size), fc.anything()),
    });
    const header = fc.dictionary(fc.constantFrom('a', 'b', '__proto__', '__metadata__'), entry);
    fc.assert(
      fc.property(header, fc.uint8Array({ maxLength: 64 }), (entries, data) => {
        write(entries, data);
        const text = refusalOf(() => openSafetensors(file).close());
        expect(text.length).toBeGreaterThan(0);
      }),
      { numRuns: 300 },
    );
  });
});
