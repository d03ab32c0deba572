import { createHash, randomBytes } from 'node:crypto';
import { once } from 'node:events';
import {
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { createServer } from 'node:http';
import { type AddressInfo, connect } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { CheckpointError, HubError, UsageError } from '../../src/contract/errors.ts';
import { findPulled, listPulled } from '../../src/engine/checkpoint/pulled.ts';
import { createHttp, type HttpOptions, Unreachable } from '../../src/hub/http.ts';
import { type PullProgress, pull } from '../../src/hub/pull.ts';
import { type HubRepository, type HubServer, startHub } from '../support/hub-server.ts';

const root = mkdtempSync(join(tmpdir(), 'detoxq-hub-'));
let hub: HubServer;
let modelsFolder = '';
let serial = 0;
let deadEndpoint = '';
beforeAll(async () => {
  const dead = await startHub();
  deadEndpoint = dead.endpoint;
  await dead.close();
  hub = await startHub();
});
afterAll(async () => {
  await hub.close();
  rmSync(root, { recursive: true });
});
beforeEach(() => {
  modelsFolder = join(root, String(serial++));
  hub.reset();
});

const COMMIT = 'c0ffee'.padEnd(40, '0');
const WEIGHTS = randomBytes(300_000);
const PLAIN: HubRepository = {
  commit: COMMIT,
  large: ['model.safetensors', 'pytorch_model.bin', 'tokenizer.json'],
  files: {
    'README.md': '# a card',
    'config.json': '{"architectures": ["BartForConditionalGeneration"]}',
    'generation_config.json': '{}',
    'tokenizer.json': '{"model": {}}',
    'tokenizer_config.json': '{}',
    'vocab.json': '{}',
    'merges.txt': '',
    'model.safetensors': WEIGHTS,
    'pytorch_model.bin': 'the same again',
    'flax_model.msgpack': 'x',
    'tf_model.h5': 'x',
    'modeling_evil.py': 'import os',
    'onnx/model.onnx': 'x',
    '../escape.json': 'x',
  },
};
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

interface Options extends Partial<HttpOptions> {
  readonly id?: string;
  readonly revision?: string | null;
  readonly offline?: boolean;
  readonly onProgress?: (progress: PullProgress) => void;
}

async function fetched(options: Options = {}) {
  const { id = 'owner/model', revision = null, offline = false, onProgress = () => {}, ...rest } = options;
  const http = createHttp({
    endpoint: hub.endpoint,
    token: undefined,
    httpProxy: undefined,
    httpsProxy: undefined,
    noProxy: undefined,
    retryDelayMs: 1,
    ...rest,
  });
  try {
    return await pull({
      id,
      revision,
      http,
      endpoint: rest.endpoint ?? hub.endpoint,
      offline,
      modelsFolder,
      onProgress,
    });
  } finally {
    await http.close();
  }
}

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

const sentFor = (file: string) => hub.requests.filter(({ url, status }) => url.includes(file) && status < 300);

describe('a pull', () => {
  test('takes config, tokenizer and one form of weights, whole and under the commit', async () => {
    hub.repositories.set('owner/model', PLAIN);
    const seen: PullProgress[] = [];
    const pulled = await fetched({ onProgress: (progress) => seen.push(progress) });
    expect(pulled).toMatchObject({ id: 'owner/model', commit: COMMIT, fetched: true, movedTo: null });
    expect(readdirSync(pulled.folder).sort()).toEqual(TAKEN);
    expect(WEIGHTS.equals(readFileSync(join(pulled.folder, 'model.safetensors')))).toBe(true);
    const record = JSON.parse(readFileSync(join(pulled.folder, 'pulled.json'), 'utf8'));
    expect(record.files['model.safetensors']).toEqual({
      size: 300_000,
      sha256: createHash('sha256').update(WEIGHTS).digest('hex'),
    });
    expect(seen.at(-1)).toMatchObject({ bytesDone: pulled.bytes, bytesTotal: pulled.bytes });
    expect(readdirSync(join(modelsFolder, 'owner/model')).sort()).toEqual(['.refs', COMMIT]);
    expect(findPulled(modelsFolder, { id: 'owner/model', revision: null })?.folder).toBe(pulled.folder);
    expect(listPulled(modelsFolder)).toMatchObject([{ id: 'owner/model', commit: COMMIT, revisions: ['main'] }]);
  });

  test('of what is there already fetches nothing', async () => {
    hub.repositories.set('owner/model', PLAIN);
    await fetched();
    hub.requests.length = 0;
    expect(await fetched()).toMatchObject({ fetched: false });
    expect(hub.requests).toHaveLength(1);
  });

  test('of a branch, a tag or a commit remembers what each of them meant', async () => {
    const other = 'beef'.padEnd(40, '1');
    hub.repositories.set('owner/model', { ...PLAIN, commit: other, revisions: { main: COMMIT, 'v1.0': other } });
    const tagged = await fetched({ revision: 'v1.0' });
    expect(tagged.commit).toBe(other);
    const find = (revision: string | null) => findPulled(modelsFolder, { id: 'owner/model', revision })?.commit ?? null;
    expect(find('v1.0')).toBe(other);
    expect(find(other)).toBe(other);
    expect(find(other.slice(0, 8))).toBe(other);
    expect(find(null)).toBeNull();
    expect((await fetched({ revision: other })).fetched).toBe(false);
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
    hub.repositories.set('owner/model', { commit: COMMIT, files });
    const { folder } = await fetched();
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
    hub.repositories.set('owner/model', { commit: COMMIT, files });
    const { folder } = await fetched();
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
    const index = JSON.stringify({ weight_map: { a: '../../escape.safetensors' } });
    const files = { 'config.json': '{}', 'model.safetensors.index.json': index, '../../escape.safetensors': 'x' };
    hub.repositories.set('owner/model', { commit: COMMIT, files });
    await expect(fetched()).rejects.toThrow('which is no shard');
    expect(findPulled(modelsFolder, { id: 'owner/model', revision: COMMIT })).toBeNull();
  });

  test('under an old name finds what has moved', async () => {
    hub.repositories.set('s-nlp/bart-base-detox', PLAIN);
    hub.repositories.set('new/name', PLAIN);
    hub.moved.set('old/name', 'new/name');
    expect(await fetched({ id: 'SkolkovoInstitute/bart-base-detox' })).toMatchObject({ id: 's-nlp/bart-base-detox' });
    expect(findPulled(modelsFolder, { id: 'SkolkovoInstitute/bart-base-detox', revision: null })).not.toBeNull();
    expect(await fetched({ id: 'old/name' })).toMatchObject({ id: 'old/name', movedTo: 'new/name' });
  });
});

describe('connections that break', () => {
  test('in mid-file: the rest is fetched, and nothing twice', async () => {
    hub.repositories.set('owner/model', PLAIN);
    const arrived = arrivals('model.safetensors');
    hub.spoil = (file, nth) =>
      file === 'model.safetensors' && nth < 3 ? { breakAfter: 70_000, breakWhen: arrived.of((nth + 1) * 70_000) } : {};
    const { folder } = await fetched({ onProgress: arrived.onProgress });
    expect(WEIGHTS.equals(readFileSync(join(folder, 'model.safetensors')))).toBe(true);
    const ranges = hub.requests.filter(({ at, url }) => at === 'cdn' && url.includes('model.safetensors'));
    expect(ranges.map(({ headers }) => headers.range ?? null)).toEqual([
      null,
      'bytes=70000-',
      'bytes=140000-',
      'bytes=210000-',
    ]);
    expect(ranges.slice(1).every(({ headers }) => /^"/.test(String(headers['if-range'])))).toBe(true);
  });

  test('for good: a later pull goes on where this one stopped', async () => {
    hub.repositories.set('owner/model', PLAIN);
    const arrived = arrivals('model.safetensors');
    hub.spoil = (file, nth) => {
      if (file !== 'model.safetensors') return {};
      return nth === 0 ? { breakAfter: 100_000, breakWhen: arrived.of(100_000) } : { status: 503 };
    };
    await expect(fetched({ onProgress: arrived.onProgress })).rejects.toThrow(Unreachable);
    expect(findPulled(modelsFolder, { id: 'owner/model', revision: COMMIT })).toBeNull();
    hub.requests.length = 0;
    hub.spoil = () => ({});
    const { folder } = await fetched();
    expect(WEIGHTS.equals(readFileSync(join(folder, 'model.safetensors')))).toBe(true);
    expect(sentFor('config.json')).toHaveLength(0);
    expect(sentFor('model.safetensors').map(({ headers }) => headers.range)).toEqual(['bytes=100000-']);
    expect(readdirSync(join(modelsFolder, 'owner/model')).sort()).toEqual(['.refs', COMMIT]);
  });

  test('with a server that knows no ranges: from the beginning, but not for ever', async () => {
    hub.repositories.set('owner/model', PLAIN);
    hub.spoil = (_, nth) => (nth === 0 ? { breakAfter: 9, noRanges: true } : { noRanges: true });
    expect(WEIGHTS.equals(readFileSync(join((await fetched()).folder, 'model.safetensors')))).toBe(true);
    rmSync(modelsFolder, { recursive: true });
    hub.spoil = (file) => (file === 'model.safetensors' ? { breakAfter: 50_000, noRanges: true } : {});
    hub.requests.length = 0;
    await expect(fetched()).rejects.toThrow(Unreachable);
    expect(hub.requests.filter(({ at }) => at === 'cdn').length).toBeLessThan(12);
  });

  test('what a killed process left is taken over, what a living one holds is not', async () => {
    hub.repositories.set('owner/model', PLAIN);
    hub.spoil = (file) => (file === 'model.safetensors' ? { breakAfter: 0 } : {});
    await expect(fetched()).rejects.toThrow(Unreachable);
    const repository = join(modelsFolder, 'owner/model');
    const [left = ''] = readdirSync(repository);
    writeFileSync(join(repository, left, 'model.safetensors.part'), WEIGHTS.subarray(0, 1000));
    const owned = (pid: number) => left.replace(/left\..*$/, `${pid}.0`);
    renameSync(join(repository, left), join(repository, owned(1)));
    hub.spoil = () => ({});
    hub.requests.length = 0;
    await fetched();
    expect(sentFor('model.safetensors')[0]?.headers.range).toBeUndefined();
    expect(existsSync(join(repository, owned(1)))).toBe(true);

    rmSync(join(repository, COMMIT), { recursive: true });
    renameSync(join(repository, owned(1)), join(repository, owned(2 ** 22 + 1)));
    hub.requests.length = 0;
    await fetched();
    expect(sentFor('model.safetensors').map(({ headers }) => headers.range)).toEqual(['bytes=1000-']);
    expect(readdirSync(repository).sort()).toEqual(['.refs', COMMIT]);
  });

  test('trouble that passes is waited for, trouble that stays is named', async () => {
    hub.repositories.set('owner/model', PLAIN);
    hub.spoil = (_, nth) => (nth < 2 ? { status: nth === 0 ? 503 : 429 } : {});
    expect((await fetched()).fetched).toBe(true);
    await expect(fetched({ id: 'owner/other', endpoint: deadEndpoint })).rejects.toThrow('ECONNREFUSED');
  });
});

describe('content that is not what was promised', () => {
  test('a wrong checksum once: fetched again; always: refused, and nothing kept', async () => {
    hub.repositories.set('owner/model', PLAIN);
    hub.spoil = (file, nth) => (file === 'model.safetensors' && nth === 0 ? { corrupt: true } : {});
    expect(WEIGHTS.equals(readFileSync(join((await fetched()).folder, 'model.safetensors')))).toBe(true);

    for (const file of ['model.safetensors', 'config.json']) {
      rmSync(modelsFolder, { recursive: true });
      hub.spoil = (name) => (name === file ? { corrupt: true } : {});
      const failure = fetched();
      await expect(failure).rejects.toThrow(HubError);
      await expect(failure).rejects.toThrow(`${file} of owner/model came 2 times with other content`);
      expect(findPulled(modelsFolder, { id: 'owner/model', revision: COMMIT })).toBeNull();
    }
  });

  test('a mirror that lists no checksums: that of the redirect counts', async () => {
    hub.repositories.set('owner/model', { ...PLAIN, blobs: false });
    hub.spoil = (file) => (file === 'model.safetensors' ? { corrupt: true } : {});
    await expect(fetched()).rejects.toThrow('came 2 times with other content');
    hub.spoil = () => ({});
    expect(WEIGHTS.equals(readFileSync(join((await fetched()).folder, 'model.safetensors')))).toBe(true);
  });

  test('a server that is no hub', async () => {
    hub.repositories.set('owner/model', { ...PLAIN, commit: 'no commit', revisions: { main: 'no commit' } });
    await expect(fetched()).rejects.toThrow('does not answer as a model hub does');
  });
});

describe('who may read', () => {
  test('the token goes to the endpoint and to nobody else', async () => {
    hub.repositories.set('owner/model', { ...PLAIN, token: 'hf_secret' });
    await fetched({ token: 'hf_secret' });
    const at = (place: string) => hub.requests.filter((request) => request.at === place);
    expect(at('hub').every(({ headers }) => headers.authorization === 'Bearer hf_secret')).toBe(true);
    expect(at('cdn').length).toBeGreaterThan(0);
    expect(at('cdn').every(({ headers }) => headers.authorization === undefined)).toBe(true);
  });

  test('closed repositories say what to do', async () => {
    hub.repositories.set('owner/model', { ...PLAIN, token: 'hf_secret', gated: true });
    await expect(fetched()).rejects.toThrow(`is gated: accept its terms at ${hub.endpoint}/owner/model`);
    hub.repositories.set('owner/model', { ...PLAIN, token: 'hf_secret' });
    await expect(fetched({ token: 'hf_wrong' })).rejects.toThrow('it is private and HF_TOKEN is missing or not valid');
    expect(existsSync(modelsFolder)).toBe(false);
  });

  test('what does not exist is the mistake of whoever asked', async () => {
    hub.repositories.set('owner/model', PLAIN);
    await expect(fetched({ id: 'owner/none' })).rejects.toThrow(UsageError);
    const failure = fetched({ revision: 'v9' });
    await expect(failure).rejects.toThrow(UsageError);
    await expect(failure).rejects.toThrow('owner/model has no revision "v9"; it has main');
  });

  test('offline: what is there is found, the rest is refused without a connection', async () => {
    hub.repositories.set('owner/model', PLAIN);
    await expect(fetched({ offline: true })).rejects.toThrow('HF_HUB_OFFLINE forbids to fetch it');
    expect(hub.requests).toHaveLength(0);
    await fetched();
    hub.requests.length = 0;
    expect(await fetched({ offline: true })).toMatchObject({ commit: COMMIT, fetched: false });
    expect(hub.requests).toHaveLength(0);
  });
});

describe('repositories without weights that can be read', () => {
  const onnx = { 'config.json': '{}', 'onnx/model.onnx': 'x' };
  test('an ONNX export names what it was made from', async () => {
    hub.repositories.set('owner/model', { commit: COMMIT, files: onnx, baseModel: 'source/model' });
    const failure = fetched();
    await expect(failure).rejects.toThrow(CheckpointError);
    await expect(failure).rejects.toThrow('pull the model that it was made from: detoxq models pull source/model');
    hub.repositories.set('owner/model', { commit: COMMIT, files: onnx });
    await expect(fetched()).rejects.toThrow('which its card does not name');
  });

  test('other frameworks alone, or weights without a config', async () => {
    hub.repositories.set('owner/model', { commit: COMMIT, files: { 'config.json': '{}', 'tf_model.h5': 'x' } });
    await expect(fetched()).rejects.toThrow('has no weights that can be read');
    hub.repositories.set('owner/model', { commit: COMMIT, files: { 'model.safetensors': 'x' } });
    await expect(fetched()).rejects.toThrow('has no config.json');
  });
});

test('two pulls at once end well, with one checkpoint', async () => {
  hub.repositories.set('owner/model', PLAIN);
  let release = () => {};
  const both = new Promise<void>((resolve) => {
    let waiting = 0;
    release = () => {
      waiting++;
      if (waiting === 2) resolve();
    };
  });
  hub.spoil = (file) => {
    if (file !== 'model.safetensors') return {};
    release();
    return { wait: both };
  };
  const [a, b] = await Promise.all([fetched(), fetched()]);
  expect(a.folder).toBe(b.folder);
  expect(WEIGHTS.equals(readFileSync(join(a.folder, 'model.safetensors')))).toBe(true);
  expect(readdirSync(join(modelsFolder, 'owner/model')).sort()).toEqual(['.refs', COMMIT]);
});

describe('a proxy', () => {
  test('carries every request where one is named', async () => {
    hub.repositories.set('owner/model', PLAIN);
    const seen: string[] = [];
    const proxy = createServer();
    proxy.on('connect', (request, socket, head) => {
      seen.push(request.url ?? '');
      const { hostname, port } = new URL(`http://${request.url}`);
      const onward = connect(Number(port), hostname, () => {
        socket.write('HTTP/1.1 200 Connection Established\r\n\r\n');
        onward.write(head);
        socket.pipe(onward).pipe(socket);
      });
      for (const end of [socket, onward]) end.on('error', () => end.destroy());
    });
    proxy.listen(0, '127.0.0.1');
    await once(proxy, 'listening');
    const { port } = proxy.address() as AddressInfo;
    try {
      expect((await fetched({ httpProxy: `127.0.0.1:${port}` })).fetched).toBe(true);
      expect(new Set(seen)).toEqual(new Set([new URL(hub.endpoint).host, new URL(hub.cdn).host]));
    } finally {
      proxy.close();
    }
  });

  test('is not asked for hosts that need none', async () => {
    hub.repositories.set('owner/model', PLAIN);
    await expect(fetched({ httpProxy: deadEndpoint })).rejects.toThrow(Unreachable);
    expect(hub.requests).toHaveLength(0);
    expect((await fetched({ httpProxy: deadEndpoint, noProxy: '127.0.0.1' })).fetched).toBe(true);
  });
});

test.each<[Partial<HttpOptions>, string]>([
  [{ endpoint: 'mirror.example' }, 'HF_ENDPOINT must be an address'],
  [{ endpoint: 'http://' }, 'HF_ENDPOINT must be an address'],
  [{ endpoint: 'https://me:secret@mirror.example' }, 'HF_ENDPOINT must hold no user and password'],
  [{ token: 'hf_secret\n' }, 'HF_TOKEN has characters'],
  [{ httpsProxy: 'socks5://secret:1080' }, 'HTTPS_PROXY must be an address'],
])('settings that cannot be used are named, and not shown: %j', async (settings, message) => {
  const failure = fetched(settings);
  await expect(failure).rejects.toThrow(UsageError);
  await expect(failure).rejects.toThrow(message);
  await expect(failure).rejects.not.toThrow('secret');
});

test('a checkpoint that does not fit the disk is refused before anything is fetched', async () => {
  hub.repositories.set('owner/model', { ...PLAIN, sizes: { 'model.safetensors': 1e15 } });
  await expect(fetched()).rejects.toThrow('make room, or set DETOXQ_HOME elsewhere');
  expect(sentFor('resolve')).toHaveLength(0);
});

test('names that could leave the folder are no names of a hub', () => {
  mkdirSync(join(modelsFolder, 'a'), { recursive: true });
  for (const id of ['../x', 'a/../../x', '.refs', 'a/.x', '/etc', 'a/b/c', 'a\\b', '']) {
    expect(findPulled(modelsFolder, { id, revision: null })).toBeNull();
  }
});
