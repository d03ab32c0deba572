import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { CPU, defaultPrecision, deviceName, parseDevice, requirePrecision } from '../../../src/contract/device.ts';
import { UsageError } from '../../../src/contract/errors.ts';
import { float16ToFloat32, float32ToFloat16 } from '../../../src/engine/checkpoint/weights/float16.ts';
import { createBatcher } from '../../../src/engine/runtime/batches.ts';

describe('half precision', () => {
  test('every half comes back from fp32 as it was', () => {
    const bits = Uint16Array.from({ length: 65536 }, (_, i) => i).filter(
      (b) => (b & 0x7c00) !== 0x7c00 || (b & 1023) === 0,
    );
    expect(float32ToFloat16(float16ToFloat32(bits))).toEqual(bits);
  });

  test('the nearest half is taken, of two the even one', () => {
    const halves = float16ToFloat32(Uint16Array.from({ length: 0x7c00 }, (_, i) => i));
    fc.assert(
      fc.property(fc.integer({ min: 0, max: 0x7bfe }), fc.float({ min: 0, max: 1, noNaN: true }), (below, share) => {
        const [low = 0, high = 0] = [halves[below], halves[below + 1]];
        const value = Math.fround(low + share * (high - low));
        const [toLow, toHigh] = [value - low, high - value];
        const expected = toLow < toHigh || (toLow === toHigh && below % 2 === 0) ? below : below + 1;
        expect(float32ToFloat16(Float32Array.of(value, -value))).toEqual(Uint16Array.of(expected, expected | 0x8000));
      }),
    );
  });

  test('beyond 65,504 it is infinite', () => {
    const values = Float32Array.of(65504, 65519, 65520, 1e30, Number.POSITIVE_INFINITY, -1e5);
    expect([...float16ToFloat32(float32ToFloat16(values))]).toEqual([
      65504,
      65504,
      Infinity,
      Infinity,
      Infinity,
      -Infinity,
    ]);
    expect(float16ToFloat32(float32ToFloat16(Float32Array.of(Number.NaN)))[0]).toBeNaN();
  });
});

describe('a device', () => {
  test('has a name that is read back', () => {
    for (const name of ['cpu', 'webgpu', 'cuda:0', 'cuda:7']) expect(deviceName(parseDevice(name) ?? CPU)).toBe(name);
    expect(parseDevice('cuda')).toEqual({ kind: 'cuda', index: 0 });
    for (const name of ['gpu', 'cuda:', 'cuda:x', 'webgpu:1', 'CPU', '']) expect(parseDevice(name)).toBeNull();
  });

  test('decides the precision, and a GPU refuses int8 with what to do', () => {
    const cuda = { kind: 'cuda', index: 1 } as const;
    expect([defaultPrecision(CPU), defaultPrecision(cuda)]).toEqual(['int8', 'fp16']);
    expect(() => requirePrecision(cuda, 'int8')).toThrow(UsageError);
    expect(() => requirePrecision(cuda, 'int8')).toThrow(/cuda:1.*--precision fp16/s);
    for (const precision of ['fp16', 'fp32'] as const) requirePrecision(cuda, precision);
    for (const precision of ['int8', 'fp16', 'fp32'] as const) requirePrecision(CPU, precision);
  });
});

describe('batches for a device', () => {
  const sizes = { size: 768, padToken: 9, window: 20, maxBatchTokens: 48 };
  const rowsOf = (lengths: readonly number[]) =>
    lengths.map((length, index) => ({ index, tokens: Array.from({ length }, (_, i) => i + 1) }));

  test('hold every row once, the longest first, within the tokens of a batch and the window of the model', () => {
    const lengths = fc.array(fc.integer({ min: 0, max: 20 }), { maxLength: 40 });
    fc.assert(
      fc.property(lengths, (all) => {
        const batches = createBatcher({ device: { kind: 'cuda', index: 0 }, portable: true }, sizes)(rowsOf(all));
        expect(batches.flatMap((batch) => batch.rows.map((row) => row.index)).sort((a, b) => a - b)).toEqual([
          ...all.keys(),
        ]);
        for (const { rows, inputs } of batches) {
          const [count = 0, length = 0] = inputs.tokens?.dims ?? [];
          expect(count).toBe(rows.length);
          expect(length).toBeLessThanOrEqual(20);
          expect(rows.length === 1 || count * length <= 48).toBe(true);
          rows.forEach((row, r) => {
            const own = [...(inputs.tokens?.data ?? [])].slice(r * length, (r + 1) * length).map(Number);
            const mask = [...(inputs.mask?.data ?? [])].slice(r * length, (r + 1) * length).map(Number);
            expect(own).toEqual([...row.tokens, ...Array(length - row.tokens.length).fill(9)]);
            expect(mask).toEqual(own.map((_, i) => (i < row.tokens.length ? 1 : 0)));
          });
        }
      }),
    );
  });

  test('are as before on a CPU: of one length, without a mask', () => {
    const target = { device: CPU, portable: false };
    const batches = createBatcher(target, sizes)(rowsOf([3, 5, 3]));
    expect(batches.map(({ rows, inputs }) => [rows.map((row) => row.index), Object.keys(inputs)])).toEqual([
      [[0, 2], ['tokens']],
      [[1], ['tokens']],
    ]);
  });
});
