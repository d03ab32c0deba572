import { cpSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, test } from 'vitest';
import { CheckpointError } from '../../../src/contract/errors.ts';
import { openWeights, weightFiles } from '../../../src/engine/checkpoint/weights/weights.ts';

const FIXTURES = join(import.meta.dirname, '../../fixtures/weights');
const root = mkdtempSync(join(tmpdir(), 'detoxq-weights-'));
afterAll(() => rmSync(root, { recursive: true }));

let serial = 0;
function copyOf(name: string): string {
  const folder = join(root, String(serial++));
  cpSync(join(FIXTURES, name), folder, { recursive: true });
  return folder;
}

/** Every tensor of floats, by name. */
function everything(folder: string): Record<string, readonly number[]> {
  const tensors = openWeights(folder);
  const floats = [...tensors.infos].filter(([, { dtype }]) => dtype === 'F32');
  const values = floats.map(([name, { shape }]) => [name, [...tensors.read(name, shape)]] as const);
  tensors.close();
  return Object.fromEntries(values);
}

describe('one model in the four forms', () => {
  const whole = everything(join(FIXTURES, 'whole-safetensors'));

  test.each([
    ['whole-torch', 1],
    ['shards-safetensors', 4],
    ['shards-torch', 4],
  ])('%s: the same tensors', (name, files) => {
    expect(Object.keys(whole).length).toBe(23);
    expect(everything(join(FIXTURES, name))).toEqual(whole);
    expect(weightFiles(join(FIXTURES, name))).toHaveLength(files);
  });

  test('safetensors come before pickles', () => {
    const folder = copyOf('whole-torch');
    expect(weightFiles(folder)).toEqual(['pytorch_model.bin']);
    cpSync(join(FIXTURES, 'shards-safetensors'), folder, { recursive: true });
    expect(weightFiles(folder)).toEqual([
      'model.safetensors.index.json',
      'model-00001-of-00003.safetensors',
      'model-00002-of-00003.safetensors',
      'model-00003-of-00003.safetensors',
    ]);
    cpSync(join(FIXTURES, 'whole-safetensors'), folder, { recursive: true });
    expect(weightFiles(folder)).toEqual(['model.safetensors']);
  });

  test('a tensor of a shard that is missing or of another shape is named', () => {
    const tensors = openWeights(join(FIXTURES, 'shards-torch'));
    expect(() => tensors.read('lm_head.weight', [9, 4])).toThrow('has no tensor lm_head.weight');
    expect(() => tensors.read('embeddings.word_embeddings.weight', [9, 5])).toThrow(
      'tensor embeddings.word_embeddings.weight is [9, 4], but config.json makes it [9, 5]',
    );
    tensors.close();
  });
});

describe('an index that cannot be trusted', () => {
  const index = 'model.safetensors.index.json';

  async function changed(change: (map: Record<string, unknown>) => unknown): Promise<() => void> {
    const folder = copyOf('shards-safetensors');
    const json = JSON.parse(await readFile(join(folder, index), 'utf8'));
    json.weight_map = change(json.weight_map);
    writeFileSync(join(folder, index), JSON.stringify(json));
    return () => openWeights(folder).close();
  }

  test.each([
    ['../../../secret.safetensors'],
    ['/etc/passwd'],
    ['a/b.safetensors'],
    ['..safetensors'],
    ['model.safetensors\0.bin'],
    ['config.json'],
    [3],
  ])('a shard named %j', async (shard) => {
    const open = await changed((map) => ({ ...map, 'pooler.dense.bias': shard }));
    expect(open).toThrow(CheckpointError);
    expect(open).toThrow('which is not the name of a shard');
  });

  test('a tensor in the wrong shard, a shard that is missing, no map', async () => {
    const first = 'model-00001-of-00003.safetensors';
    expect(await changed((map) => ({ ...map, ghost: first }))).toThrow(`puts tensor ghost into ${first}`);
    expect(await changed((map) => ({ ...map, ghost: 'model-9.safetensors' }))).toThrow('does not exist');
    expect(await changed(() => null)).toThrow('weight_map is missing');
    expect(await changed(() => ({}))).toThrow('weight_map is empty');
    const folder = copyOf('shards-safetensors');
    rmSync(join(folder, first));
    expect(() => weightFiles(folder)).toThrow(`has no ${first}, which ${index} names`);
  });
});

test('a folder without weights, or with those of another framework, says what to do', () => {
  const folder = copyOf('whole-torch');
  rmSync(join(folder, 'pytorch_model.bin'));
  expect(() => openWeights(folder)).toThrow('has no weights');
  writeFileSync(join(folder, 'tf_model.h5'), '');
  expect(() => weightFiles(folder)).toThrow('only as tf_model.h5');
});

test.each([
  ['base_model: facebook/bart-base', 'facebook/bart-base'],
  ['license: mit\nbase_model:\n- "owner/model"', 'owner/model'],
  ['license: mit', null],
])('an ONNX export names what it was made from, where its card does: %j', (head, baseModel) => {
  const folder = copyOf('whole-torch');
  rmSync(join(folder, 'pytorch_model.bin'));
  mkdirSync(join(folder, 'onnx'));
  writeFileSync(join(folder, 'README.md'), `---\n${head}\n---\n# A model\n\nbase_model: not/this\n`);
  expect(() => openWeights(folder)).toThrow(
    expect.objectContaining({ code: 'checkpoint_is_export', data: { baseModel } }),
  );
  rmSync(join(folder, 'README.md'));
  expect(() => openWeights(folder)).toThrow('which its card does not name');
});
