import { once } from 'node:events';
import { existsSync } from 'node:fs';
import { createServer } from 'node:http';
import { type AddressInfo, connect } from 'node:net';
import { describe, expect, test } from 'vitest';
import { CheckpointError, UsageError } from '../../../src/contract/errors.ts';
import { type HttpOptions, Unreachable } from '../../../src/hub/http.ts';
import { COMMIT, PLAIN, usePulls } from '../../support/hub-pulls.ts';

const pulls = usePulls();

describe('who may read', () => {
  test('the token goes to the endpoint and to nobody else', async () => {
    pulls.hub.repositories.set('owner/model', { ...PLAIN, token: 'hf_secret' });
    await pulls.fetched({ token: 'hf_secret' });
    const at = (place: string) => pulls.hub.requests.filter((request) => request.at === place);
    expect(at('hub').every(({ headers }) => headers.authorization === 'Bearer hf_secret')).toBe(true);
    expect(at('cdn').length).toBeGreaterThan(0);
    expect(at('cdn').every(({ headers }) => headers.authorization === undefined)).toBe(true);
  });

  test('closed repositories say what to do', async () => {
    pulls.hub.repositories.set('owner/model', { ...PLAIN, token: 'hf_secret', gated: true });
    await expect(pulls.fetched()).rejects.toThrow(`is gated: accept its terms at ${pulls.hub.endpoint}/owner/model`);
    pulls.hub.repositories.set('owner/model', { ...PLAIN, token: 'hf_secret' });
    await expect(pulls.fetched({ token: 'hf_wrong' })).rejects.toThrow(
      'it is private and HF_TOKEN is missing or not valid',
    );
    expect(existsSync(pulls.modelsFolder)).toBe(false);
  });

  test('what does not exist is the mistake of whoever asked', async () => {
    pulls.hub.repositories.set('owner/model', PLAIN);
    await expect(pulls.fetched({ id: 'owner/none' })).rejects.toThrow(UsageError);
    const failure = pulls.fetched({ revision: 'v9' });
    await expect(failure).rejects.toThrow(UsageError);
    await expect(failure).rejects.toThrow('owner/model has no revision "v9"; it has main');
  });

  test('offline: what is there is found, the rest is refused without a connection', async () => {
    pulls.hub.repositories.set('owner/model', PLAIN);
    await expect(pulls.fetched({ offline: true })).rejects.toThrow('HF_HUB_OFFLINE forbids to fetch it');
    expect(pulls.hub.requests).toHaveLength(0);
    await pulls.fetched();
    pulls.hub.requests.length = 0;
    expect(await pulls.fetched({ offline: true })).toMatchObject({ commit: COMMIT, fetched: false });
    expect(pulls.hub.requests).toHaveLength(0);
  });
});

describe('repositories without weights that can be read', () => {
  const onnx = { 'config.json': '{}', 'onnx/model.onnx': 'x' };
  test('an ONNX export names what it was made from', async () => {
    pulls.hub.repositories.set('owner/model', { commit: COMMIT, files: onnx, baseModel: 'source/model' });
    const failure = pulls.fetched();
    await expect(failure).rejects.toThrow(CheckpointError);
    await expect(failure).rejects.toMatchObject({ code: 'checkpoint_is_export', data: { baseModel: 'source/model' } });
    pulls.hub.repositories.set('owner/model', { commit: COMMIT, files: onnx });
    await expect(pulls.fetched()).rejects.toThrow('which its card does not name');
  });

  test('other frameworks alone, or weights without a config', async () => {
    pulls.hub.repositories.set('owner/model', { commit: COMMIT, files: { 'config.json': '{}', 'tf_model.h5': 'x' } });
    await expect(pulls.fetched()).rejects.toThrow('has no weights that can be read');
    pulls.hub.repositories.set('owner/model', { commit: COMMIT, files: { 'model.safetensors': 'x' } });
    await expect(pulls.fetched()).rejects.toThrow('has no config.json');
  });
});

describe('a proxy', () => {
  test('carries every request where one is named', async () => {
    pulls.hub.repositories.set('owner/model', PLAIN);
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
      expect((await pulls.fetched({ httpProxy: `127.0.0.1:${port}` })).fetched).toBe(true);
      expect(new Set(seen)).toEqual(new Set([new URL(pulls.hub.endpoint).host, new URL(pulls.hub.cdn).host]));
    } finally {
      proxy.close();
    }
  });

  test('is not asked for hosts that need none', async () => {
    pulls.hub.repositories.set('owner/model', PLAIN);
    await expect(pulls.fetched({ httpProxy: pulls.deadEndpoint })).rejects.toThrow(Unreachable);
    expect(pulls.hub.requests).toHaveLength(0);
    expect((await pulls.fetched({ httpProxy: pulls.deadEndpoint, noProxy: '127.0.0.1' })).fetched).toBe(true);
  });
});

test.each<[Partial<HttpOptions>, string]>([
  [{ endpoint: 'mirror.example' }, 'HF_ENDPOINT must be an address'],
  [{ endpoint: 'http://' }, 'HF_ENDPOINT must be an address'],
  [{ endpoint: 'https://me:secret@mirror.example' }, 'HF_ENDPOINT must not contain user and password'],
  [{ endpoint: 'https://:secret@mirror.example' }, 'HF_ENDPOINT must not contain user and password'],
  [{ endpoint: 'https://me:2024/secret@mirror.example' }, 'HF_ENDPOINT must not contain user and password'],
  [{ endpoint: 'https://mirror.example?token=secret' }, 'HF_ENDPOINT must not contain user and password'],
  [{ httpProxy: 'http://me:50%secret@proxy:3128' }, 'HTTP_PROXY must be of the form'],
  [{ httpsProxy: 'http://me:2024/secret@proxy:3128' }, 'Percent-encode the password'],
  [{ httpsProxy: 'me:secret/@proxy:3128' }, 'HTTPS_PROXY must be an address'],
  [{ token: 'hf_secret\n' }, 'HF_TOKEN has characters'],
  [{ httpsProxy: 'socks5://secret:1080' }, 'HTTPS_PROXY must be an address'],
])('settings that cannot be used are named, and not shown: %j', async (settings, message) => {
  const failure = pulls.fetched(settings);
  await expect(failure).rejects.toThrow(UsageError);
  await expect(failure).rejects.toThrow(message);
  await expect(failure).rejects.not.toThrow('secret');
});
