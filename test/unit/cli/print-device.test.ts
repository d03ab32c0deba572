import { expect, test } from 'vitest';
import { deviceText } from '../../../src/cli/terminal/device.ts';

const shape = { inputs: 768, outputs: 3072 };

function textOf(rates: readonly (readonly [rows: number, int8: number, fp32: number])[]): string {
  return deviceText({
    processor: { model: 'a processor', architecture: 'x64', cores: 2, instructionSets: ['AVX2'] },
    runtime: { version: '1.30.0', providers: ['cpu'] },
    int8: { weightLimit: 63, reason: 'a trial said so' },
    rates: rates.map(([rows, int8, fp32]) => ({ rows, ...shape, int8, fp32 })),
  });
}

test('says by how much int8 is faster', () => {
  const text = textOf([
    [16, 72, 29],
    [128, 78, 39],
    [256, 79, 43],
  ]);
  expect(text).toContain('128 rows, 768 → 3072');
  expect(text).toMatch(/Products in int8 are 1\.8 times as fast as in fp32 here\.$/);
});

test('says so where fp32 costs nothing', () => {
  expect(
    textOf([
      [16, 16.1, 14.8],
      [128, 17.6, 16.9],
      [256, 16.2, 15.9],
    ]),
  ).toMatch(
    /Products in int8 are 1\.0 times as fast as in fp32 here: --precision fp32 costs a run little time, though memory/,
  );
});
