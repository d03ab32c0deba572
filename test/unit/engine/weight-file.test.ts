import { mkdtempSync, rmSync, statSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, expect, test } from 'vitest';
import { createWeightFile } from '../../../src/engine/compile/weight-file.ts';

const folder = mkdtempSync(join(tmpdir(), 'detoxq-weight-file-'));
afterAll(() => rmSync(folder, { recursive: true }));

test('large tensors of equal content lie in the file once, whatever their names', () => {
  const file = createWeightFile(folder, 'weights.bin');
  const values = Float32Array.from({ length: 300_000 }, (_, i) => i);
  const size = values.byteLength;
  const a = file.store('encoder.words', 'f32', [300_000], () => values);
  expect(file.store('decoder.words', 'f32', [300_000], () => values.slice())).toEqual(a);
  // Once it is known under a name it is not made again.
  expect(file.store('decoder.words', 'f32', [300_000], () => values.map(() => 0))).toEqual(a);
  expect(file.store('other shape', 'f32', [2, 150_000], () => values).data.offset).toBe(size);
  const changed = values.slice();
  changed[299_999] = 0;
  expect(file.store('other values', 'f32', [300_000], () => changed).data.offset).toBe(2 * size);
  file.close();
  expect(statSync(join(folder, 'weights.bin')).size).toBe(3 * size);
});
