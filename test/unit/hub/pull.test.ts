import { createHash } from 'node:crypto';
import { existsSync, mkdirSync, readdirSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { HubError } from '../../../src/contract/errors.ts';
import { findPulled, listPulled } from '../../../src/engine/catalog/pulled.ts';
import { Unreachable } from '../../../src/hub/http.ts';
import type { PullProgress } from '../../../src/hub/pull.ts';
import { COMMIT, PLAIN, usePulls, WEIGHTS } from '../../support/hub-pulls.ts';

const pulls = usePulls();

const TAKEN = [
  'config.json',
  'generation_config.json',
  'merges.txt',
  'model.safetensors',
  'pulled.json',
  'tokenizer.json',
  'tokenizer_config.json',
  'vocab.json',
];

/** Promises of bytes of a file, kept by the progress that a pull reports. */
function arrivals(file: string) {
  const waiting: { readonly bytes: number; readonly resolve: () => void }[] = [];
  let before: number | undefined;
  return {
    of: (bytes: number) => new Promise<void>((resolve) => waiting.push({ bytes, resolve })),
    onProgress(progress: PullProgress) {
      if (progress.file !== file) return;
      before ??= progress.bytesDone;
      for (const { bytes, resolve } of waiting) if (progress.bytesDone - before >= bytes) resolve();
    },
  };
}

describe('a pull', () => {
  test('takes config, tokenizer and one form of weights, whole and under the commit', async () => {
    pulls.hub.repositories.set('owner/model', PLAIN);
    const seen: PullProgress[] = [];
    const pulled = await pulls.fetched({ onProgress: (progress) => seen.push(progress) });
    expect(pulled).toMatchObject({ id: 'owner/model', commit: COMMIT, fetched: true, movedTo: null });
    expect(readdirSync(pulled.folder).sort()).toEqual(TAKEN);
    expect(WEIGHTS.equals(readFileSync(join(pulled.folder, 'model.safetensors')))).toBe(true);
    const record = JSON.parse(readFileSync(join(pulled.folder, 'pulled.json'), 'utf8'));
    expect(record.files['model.safetensors']).toEqual({
      size: 300_000,
      sha256: createHash('sha256').update(WEIGHTS).digest('hex'),
    });
    expect(seen.at(-1)).toMatchObject({ bytesDone: pulled.bytes, bytesTotal: pulled.bytes });
    expect(readdirSync(join(pulls.modelsFolder, 'owner/model')).sort()).toEqual(['.refs', COMMIT]);
    expect(findPulled(pulls.modelsFolder, { id: 'owner/model', revision: null })?.folder).toBe(pulled.folder);
    expect(listPulled(pulls.modelsFolder)).toMatchObject([{ id: 'owner/model', commit: COMMIT, revisions: ['main'] }]);
  });

  test('of what is there already fetches nothing', async () => {
    pulls.hub.repositories.set('owner/model', PLAIN);
    await pulls.fetched();
    pulls.hub.requests.length = 0;
    expect(await pulls.fetched()).toMatchObject({ fetched: false });
    expect(pulls.hub.requests).toHaveLength(1);
  });

  test('of a branch, a tag or a commit remembers what each of them meant', async () => {
    const other = 'beef'.padEnd(40, '1');
    pulls.hub.repositories.set('owner/model', { ...PLAIN, commit: other, revisions: { main: COMMIT, 'v1.0': other } });
    const tagged = await pulls.fetched({ revision: 'v1.0' });
    expect(tagged.commit).toBe(other);
    const find = (revision: string | null) =>
      findPulled(pulls.modelsFolder, { id: 'owner/model', revision })?.commit ?? null;
    expect(find('v1.0')).toBe(other);
    expect(find(other)).toBe(other);
    expect(find(other.slice(0, 8))).toBe(other);
    expect(find(null)).toBeNull();
    expect((await pulls.fetched({ revision: other })).fetched).toBe(false);
  });

  test('takes the shards that the index names, and no others', async () => {
    const index = JSON.stringify({
      weight_map: { a: 'model-00001-of-00002.safetensors', b: 'model-00002-of-00002.safetensors' },
    });
    const files = {
      'config.json': '{}',
      'model.safetensors.index.json': index,
      'model-00001-of-00002.safetensors': 'one',
      'model-00002-of-00002.safetensors': 'two',
      'model-00003-of-00002.safetensors': 'no part of it',
    };
    pulls.hub.repositories.set('owner/model', { commit: COMMIT, files });
    const { folder } = await pulls.fetched();
    expect(readdirSync(folder).sort()).toEqual([
      'config.json',
      'model-00001-of-00002.safetensors',
      'model-00002-of-00002.safetensors',
      'model.safetensors.index.json',
      'pulled.json',
    ]);
  });

  test('of a sentence encoder takes its modules, too, each with one form of weights', async () => {
    const dense = { '2_Dense/config.json': '{}', '2_Dense/model.safetensors': 'x', '2_Dense/pytorch_model.bin': 'y' };
    const pooling = {
      'modules.json': '[]',
      'sentence_bert_config.json': '{}',
      '1_Pooling/config.json': '{}',
      '1_Pooling/../../../evil.json': '{}',
    };
    const files = { 'config.json': '{}', 'pytorch_model.bin': 'x', 'vocab.txt': 'a', ...pooling, ...dense };
    pulls.hub.repositories.set('owner/model', { commit: COMMIT, files });
    const { folder } = await pulls.fetched();
    expect(readdirSync(folder, { recursive: true }).sort()).toEqual([
      '1_Pooling',
      '1_Pooling/config.json',
      '2_Dense',
      '2_Dense/config.json',
      '2_Dense/model.safetensors',
      'config.json',
      'modules.json',
      'pulled.json',
      'pytorch_model.bin',
      'sentence_bert_config.json',
      'vocab.txt',
    ]);
  });

  test('of an index that names a file outside its folder fails, and leaves nothing in place', async () => {
    const index = JSON.stringify({ weight_map: { a: '../../../escape.safetensors' } });
    const files = { 'config.json': '{}', 'model.safetensors.index.json': index, '../../../escape.safetensors': 'x' };
    pulls.hub.repositories.set('owner/model', { commit: COMMIT, files });
    await expect(pulls.fetched()).rejects.toThrow('which is not a shard');
    expect(findPulled(pulls.modelsFolder, { id: 'owner/model', revision: COMMIT })).toBeNull();
  });

  test('under an old name finds what has moved', async () => {
    pulls.hub.repositories.set('s-nlp/bart-base-detox', PLAIN);
    pulls.hub.repositories.set('new/name', PLAIN);
    pulls.hub.moved.set('old/name', 'new/name');
    expect(await pulls.fetched({ id: 'SkolkovoInstitute/bart-base-detox' })).toMatchObject({
      id: 's-nlp/bart-base-detox',
    });
    expect(findPulled(pulls.modelsFolder, { id: 'SkolkovoInstitute/bart-base-detox', revision: null })).not.toBeNull();
    expect(await pulls.fetched({ id: 'old/name' })).toMatchObject({ id: 'old/name', movedTo: 'new/name' });
  });
});

describe('connections that break', () => {
  test('in mid-file: the rest is fetched, and nothing twice', async () => {
    pulls.hub.repositories.set('owner/model', PLAIN);
    const arrived = arrivals('model.safetensors');
    pulls.hub.spoil = (file, nth) =>
      file === 'model.safetensors' && nth < 3 ? { breakAfter: 70_000, breakWhen: arrived.of((nth + 1) * 70_000) } : {};
    const { folder } = await pulls.fetched({ onProgress: arrived.onProgress });
    expect(WEIGHTS.equals(readFileSync(join(folder, 'model.safetensors')))).toBe(true);
    const ranges = pulls.hub.requests.filter(({ at, url }) => at === 'cdn' && url.includes('model.safetensors'));
    expect(ranges.map(({ headers }) => headers.range ?? null)).toEqual([
      null,
      'bytes=70000-',
      'bytes=140000-',
      'bytes=210000-',
    ]);
    expect(ranges.slice(1).every(({ headers }) => /^"/.test(String(headers['if-range'])))).toBe(true);
  });

  test('for good: a later pull goes on where this one stopped', async () => {
    pulls.hub.repositories.set('owner/model', PLAIN);
    const arrived = arrivals('model.safetensors');
    pulls.hub.spoil = (file, nth) => {
      if (file !== 'model.safetensors') return {};
      return nth === 0 ? { breakAfter: 100_000, breakWhen: arrived.of(100_000) } : { status: 503 };
    };
    await expect(pulls.fetched({ onProgress: arrived.onProgress })).rejects.toThrow(Unreachable);
    expect(findPulled(pulls.modelsFolder, { id: 'owner/model', revision: COMMIT })).toBeNull();
    pulls.hub.requests.length = 0;
    pulls.hub.spoil = () => ({});
    const { folder } = await pulls.fetched();
    expect(WEIGHTS.equals(readFileSync(join(folder, 'model.safetensors')))).toBe(true);
    expect(pulls.sentFor('config.json')).toHaveLength(0);
    expect(pulls.sentFor('model.safetensors').map(({ headers }) => headers.range)).toEqual(['bytes=100000-']);
    expect(readdirSync(join(pulls.modelsFolder, 'owner/model')).sort()).toEqual(['.refs', COMMIT]);
  });

  test('with a server that knows no ranges: from the beginning, but not for ever', async () => {
    pulls.hub.repositories.set('owner/model', PLAIN);
    pulls.hub.spoil = (_, nth) => (nth === 0 ? { breakAfter: 9, noRanges: true } : { noRanges: true });
    expect(WEIGHTS.equals(readFileSync(join((await pulls.fetched()).folder, 'model.safetensors')))).toBe(true);
    rmSync(pulls.modelsFolder, { recursive: true });
    pulls.hub.spoil = (file) => (file === 'model.safetensors' ? { breakAfter: 50_000, noRanges: true } : {});
    pulls.hub.requests.length = 0;
    await expect(pulls.fetched()).rejects.toThrow(Unreachable);
    expect(pulls.hub.requests.filter(({ at }) => at === 'cdn').length).toBeLessThan(12);
  });

  test('what a killed process left is taken over, what a living one holds is not', async () => {
    pulls.hub.repositories.set('owner/model', PLAIN);
    pulls.hub.spoil = (file) => (file === 'model.safetensors' ? { breakAfter: 0 } : {});
    await expect(pulls.fetched()).rejects.toThrow(Unreachable);
    const repository = join(pulls.modelsFolder, 'owner/model');
    const [left = ''] = readdirSync(repository);
    writeFileSync(join(repository, left, 'model.safetensors.part'), WEIGHTS.subarray(0, 1000));
    const owned = (pid: number) => left.replace(/left\..*$/, `${pid}.0`);
    renameSync(join(repository, left), join(repository, owned(1)));
    pulls.hub.spoil = () => ({});
    pulls.hub.requests.length = 0;
    await pulls.fetched();
    expect(pulls.sentFor('model.safetensors')[0]?.headers.range).toBeUndefined();
    expect(existsSync(join(repository, owned(1)))).toBe(true);

    rmSync(join(repository, COMMIT), { recursive: true });
    renameSync(join(repository, owned(1)), join(repository, owned(2 ** 22 + 1)));
    pulls.hub.requests.length = 0;
    await pulls.fetched();
    expect(pulls.sentFor('model.safetensors').map(({ headers }) => headers.range)).toEqual(['bytes=1000-']);
    expect(readdirSync(repository).sort()).toEqual(['.refs', COMMIT]);
  });

  test('trouble that passes is waited for, trouble that stays is named', async () => {
    pulls.hub.repositories.set('owner/model', PLAIN);
    pulls.hub.spoil = (_, nth) => (nth < 2 ? { status: nth === 0 ? 503 : 429 } : {});
    expect((await pulls.fetched()).fetched).toBe(true);
    await expect(pulls.fetched({ id: 'owner/other', endpoint: pulls.deadEndpoint })).rejects.toThrow('ECONNREFUSED');
  });
});

describe('content that is not what was promised', () => {
  test('a wrong checksum once: fetched again; always: refused, and nothing kept', async () => {
    pulls.hub.repositories.set('owner/model', PLAIN);
    pulls.hub.spoil = (file, nth) => (file === 'model.safetensors' && nth === 0 ? { corrupt: true } : {});
    expect(WEIGHTS.equals(readFileSync(join((await pulls.fetched()).folder, 'model.safetensors')))).toBe(true);

    for (const file of ['model.safetensors', 'config.json']) {
      rmSync(pulls.modelsFolder, { recursive: true });
      pulls.hub.spoil = (name) => (name === file ? { corrupt: true } : {});
      const failure = pulls.fetched();
      await expect(failure).rejects.toThrow(HubError);
      await expect(failure).rejects.toThrow(`${file} of owner/model came 2 times with other content`);
      expect(findPulled(pulls.modelsFolder, { id: 'owner/model', revision: COMMIT })).toBeNull();
    }
  });

  test('a mirror that lists no checksums: that of the redirect counts', async () => {
    pulls.hub.repositories.set('owner/model', { ...PLAIN, blobs: false });
    pulls.hub.spoil = (file) => (file === 'model.safetensors' ? { corrupt: true } : {});
    await expect(pulls.fetched()).rejects.toThrow('came 2 times with other content');
    pulls.hub.spoil = () => ({});
    expect(WEIGHTS.equals(readFileSync(join((await pulls.fetched()).folder, 'model.safetensors')))).toBe(true);
  });

  test('a server that is no hub', async () => {
    pulls.hub.repositories.set('owner/model', { ...PLAIN, commit: 'no commit', revisions: { main: 'no commit' } });
    await expect(pulls.fetched()).rejects.toThrow('does not answer as a model hub does');
  });
});

test('two pulls at once end well, with one checkpoint', async () => {
  pulls.hub.repositories.set('owner/model', PLAIN);
  let release = () => {};
  const both = new Promise<void>((resolve) => {
    let waiting = 0;
    release = () => {
      waiting++;
      if (waiting === 2) resolve();
    };
  });
  pulls.hub.spoil = (file) => {
    if (file !== 'model.safetensors') return {};
    release();
    return { wait: both };
  };
  const [a, b] = await Promise.all([pulls.fetched(), pulls.fetched()]);
  expect(a.folder).toBe(b.folder);
  expect(WEIGHTS.equals(readFileSync(join(a.folder, 'model.safetensors')))).toBe(true);
  expect(readdirSync(join(pulls.modelsFolder, 'owner/model')).sort()).toEqual(['.refs', COMMIT]);
});

test('a checkpoint that does not fit the disk is refused before anything is fetched', async () => {
  pulls.hub.repositories.set('owner/model', { ...PLAIN, sizes: { 'model.safetensors': 1e15 } });
  await expect(pulls.fetched()).rejects.toThrow('make room, or set DETOXQ_HOME elsewhere');
  expect(pulls.sentFor('resolve')).toHaveLength(0);
});

test('names that could leave the folder are no names of a hub', () => {
  mkdirSync(join(pulls.modelsFolder, 'a'), { recursive: true });
  for (const id of ['../x', 'a/../../x', '.refs', 'a/.x', '/etc', 'a/b/c', 'a\\b', '']) {
    expect(findPulled(pulls.modelsFolder, { id, revision: null })).toBeNull();
  }
});
