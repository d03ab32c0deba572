import { expect, test } from 'vitest';
import { parseCpuinfo, readProcessor } from '../../../src/engine/machine/processor.ts';

test('an x86 processor has a name and its instruction sets', () => {
  const text = [
    'processor\t: 0',
    'vendor_id\t: GenuineIntel',
    'model name\t: Intel(R) Xeon(R) Platinum 8481C CPU @ 2.70GHz',
    'flags\t\t: fpu avx avx2 avx512f avx_vnni avx512_vnni avx512_bf16 amx_bf16 amx_tile amx_int8',
    '',
    'processor\t: 1',
    'flags\t\t: fpu',
  ].join('\n');
  expect(parseCpuinfo(text)).toEqual({
    model: 'Intel(R) Xeon(R) Platinum 8481C CPU @ 2.70GHz',
    instructionSets: ['AVX2', 'AVX512', 'AVX512-VNNI', 'AVX512-BF16', 'AVX-VNNI', 'AMX-INT8', 'AMX-BF16'],
  });
});

test('an ARM processor has numbers', () => {
  const text = [
    'processor\t: 0',
    'Features\t: fp asimd asimddp sve i8mm bf16',
    'CPU implementer\t: 0x41',
    'CPU part\t: 0xd40',
  ].join('\n');
  expect(parseCpuinfo(text)).toEqual({
    model: 'ARM implementer 0x41 part 0xd40',
    instructionSets: ['dotprod', 'i8mm', 'bf16', 'SVE'],
  });
});

test('where nothing is said, nothing is known', () => {
  expect(parseCpuinfo('')).toEqual({ model: null, instructionSets: null });
  expect(readProcessor()).toMatchObject({ model: expect.stringMatching(/./), cores: expect.any(Number) });
});
