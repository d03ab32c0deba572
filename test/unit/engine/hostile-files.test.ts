import { execFileSync } from 'node:child_process';
import { mkdirSync, renameSync, rmSync, symlinkSync, truncateSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:net';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { CheckpointError } from '../../../src/contract/errors.ts';
import { readFields } from '../../../src/engine/checkpoint/config/fields.ts';
import { createOptions } from '../../../src/engine/checkpoint/config/options.ts';
import { identifyCheckpoint } from '../../../src/engine/checkpoint/identity.ts';
import { loadTokenizer } from '../../../src/engine/checkpoint/tokenizer/tokenizer.ts';
import { openWeights } from '../../../src/engine/checkpoint/weights/weights.ts';
import { inspectCheckpoint } from '../../../src/engine/inspect/inspect.ts';
import { changeJson, copyCheckpoint } from '../../support/hostile-checkpoints.ts';

const servers: { close(): void }[] = [];
afterEach(() => {
  for (const server of servers.splice(0)) server.close();
});

/** What may stand in the place of a file. Reading a pipe would block, a device never end. */
const KINDS: readonly (readonly [string, (path: string) => void | Promise<void>])[] = [
  ['a pipe', (path) => void execFileSync('mkfifo', [path])],
  ['a device', (path) => symlinkSync('/dev/zero', path)],
  ['a folder', (path) => void mkdirSync(path)],
  ['a link to nowhere', (path) => symlinkSync('nowhere', path)],
  ['a link to itself', (path) => symlinkSync(path, path)],
  [
    'a socket',
    (path) =>
      new Promise<void>((resolve) => {
        servers.push(createServer().listen(path, resolve));
      }),
  ],
];

async function readAll(folder: string): Promise<void> {
  await identifyCheckpoint({ folder, name: folder, precision: 'fp32', cacheFolder: join(folder, 'cache') });
  readFields(join(folder, 'config.json'));
  openWeights(folder).close();
  loadTokenizer(folder, 1_000_000);
}

describe.each([
  'config.json',
  'tokenizer.json',
  'tokenizer_config.json',
  'generation_config.json',
  'model.safetensors',
])('%s', (file) => {
  let folder: string;
  beforeEach(() => {
    folder = copyCheckpoint('tiny-bart');
    rmSync(join(folder, file), { force: true });
  });

  test.each(KINDS)('%s in its place is an error that names it', async (_what, make) => {
    await make(join(folder, file));
    const failure = readAll(folder);
    await expect(failure).rejects.toThrow(CheckpointError);
    await expect(failure).rejects.toThrow(`${file} `);
    const cacheFolder = join(folder, 'cache');
    const configFile = join(folder, 'config.json');
    const inspection = inspectCheckpoint({ name: folder, folder, configFile, cacheFolder });
    await inspection.catch((error: unknown) => expect(error).toBeInstanceOf(CheckpointError));
  });
});

test('links into the cache of a hub are followed', async () => {
  const folder = copyCheckpoint('tiny-bart');
  const blobs = join(folder, '../blobs');
  mkdirSync(blobs);
  for (const file of ['config.json', 'tokenizer.json', 'model.safetensors']) {
    renameSync(join(folder, file), join(blobs, file));
    symlinkSync(join('../blobs', file), join(folder, file));
  }
  await readAll(folder);
});

describe('contents', () => {
  test('JSON that is nested, too large, or cut short', () => {
    const folder = copyCheckpoint('tiny-bart');
    const file = join(folder, 'config.json');
    writeFileSync(file, `{"a": ${'['.repeat(500_000)}${']'.repeat(500_000)}}`);
    expect(() => readFields(file)).toThrow('nested deeper than 100 levels');
    writeFileSync(file, '{"a": ');
    expect(() => readFields(file)).toThrow('cannot be read as JSON');
    writeFileSync(file, '');
    expect(() => readFields(file)).toThrow('cannot be read as JSON');
    truncateSync(file, 2 ** 40);
    expect(() => readFields(file)).toThrow('has 1099511627776 bytes; 67108864 are the most');
  });

  test.each<[string, unknown, string]>([
    ['encoder_layers', 1e9, '1000 is the most that can be read'],
    ['vocab_size', -1, 'not a whole number from 1'],
    ['vocab_size', 1e12, '100000000 is the most that can be read'],
    ['d_model', 0, 'not a whole number from 1'],
    ['d_model', 1e308, 'not a whole number from 1'],
    ['d_model', 'x'.repeat(1_000_000), '…, not a whole number'],
  ])('%s out of range is one clear error, before any memory is taken', async (field, value, message) => {
    const folder = copyCheckpoint('tiny-bart');
    changeJson(folder, 'config.json', (config) => Object.assign(config, { [field]: value }));
    const inspection = await inspectCheckpoint({
      name: folder,
      folder,
      configFile: join(folder, 'config.json'),
      cacheFolder: join(folder, 'cache'),
    });
    expect(inspection.treeReason).toContain(message);
    expect(inspection.treeReason?.length).toBeLessThan(1_000);
  });

  test.each([
    ['max_length', 1e9],
    ['max_new_tokens', 1e12],
    ['num_beams', 1e6],
    ['num_return_sequences', 1e6],
  ])('a checkpoint cannot ask for any %s', (name, value) => {
    const options = createOptions('generation_config.json', new Map([[name, value]]), {}, 100);
    expect(() => options.integer(name, 1, 1)).toThrow(CheckpointError);
    expect(() => options.integerOrNull(name, 1)).toThrow(
      `generation_config.json: ${name} is ${value}, not a whole number`,
    );
  });

  test('a header of weights that is nested is no header', () => {
    const folder = copyCheckpoint('tiny-bart');
    const header = Buffer.from(`{"a":${'['.repeat(1_000)}${']'.repeat(1_000)}}`);
    const length = Buffer.alloc(8);
    length.writeBigUInt64LE(BigInt(header.length));
    writeFileSync(join(folder, 'model.safetensors'), Buffer.concat([length, header]));
    expect(() => openWeights(folder)).toThrow('nested deeper than 100 levels');
  });
});
