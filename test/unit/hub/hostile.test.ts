import { once } from 'node:events';
import { existsSync } from 'node:fs';
import { createServer, type RequestListener } from 'node:http';
import { type AddressInfo, connect } from 'node:net';
import { networkInterfaces } from 'node:os';
import { join } from 'node:path';
import { gzipSync } from 'node:zlib';
import { describe, expect, onTestFinished, test } from 'vitest';
import { HubError } from '../../../src/contract/errors.ts';
import { createAddressGuard } from '../../../src/hub/address-guard.ts';
import { addressKind } from '../../../src/hub/address-kind.ts';
import { selectShards } from '../../../src/hub/selection.ts';
import { COMMIT, PLAIN, usePulls } from '../../support/hub-pulls.ts';

const pulls = usePulls();

/** A hub that answers its list of files, and does with files what it likes. */
async function hostileHub(
  siblings: readonly object[],
  files: RequestListener,
  id = 'owner/model',
  at = '127.0.0.1',
): Promise<string> {
  const server = createServer((request, response) => {
    if (!request.url?.startsWith('/api/')) return files(request, response);
    response.end(JSON.stringify({ id, sha: COMMIT, siblings }));
  });
  server.listen(0, at);
  await once(server, 'listening');
  onTestFinished(() => {
    server.closeAllConnections();
    server.close();
  });
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
}

const NAMES = [{ rfilename: 'config.json' }, { rfilename: 'model.safetensors' }];
const endless: RequestListener = (_request, response) => {
  const piece = Buffer.alloc(1 << 20);
  const more = () => {
    while (!response.destroyed && response.write(piece));
  };
  response.on('drain', more);
  more();
};

describe('a hub that says no sizes', () => {
  test('a config without an end is cut off', async () => {
    const endpoint = await hostileHub(NAMES, endless);
    const failure = pulls.fetched({ endpoint });
    await expect(failure).rejects.toThrow(HubError);
    await expect(failure).rejects.toThrow('config.json of owner/model is larger than the 64 MiB that it may take');
  });

  test('a length that is too long is refused before the first byte', async () => {
    const endpoint = await hostileHub(NAMES, (request, response) => {
      if (request.url?.endsWith('.json')) response.end('{}');
      else response.writeHead(200, { 'content-length': 2 ** 40 }).write('{}');
    });
    await expect(pulls.fetched({ endpoint })).rejects.toThrow(
      'model.safetensors of owner/model is larger than the 64 GiB that it may take',
    );
  });

  test('a listed size above the limit of small files is refused before a byte', async () => {
    pulls.hub.repositories.set('owner/model', { ...PLAIN, sizes: { 'tokenizer_config.json': 2 ** 27 } });
    await expect(pulls.fetched()).rejects.toThrow('tokenizer_config.json of owner/model has 134217728 bytes');
  });

  test('bytes that are packed are refused', async () => {
    const endpoint = await hostileHub(NAMES, (_request, response) => {
      response.writeHead(200, { 'content-encoding': 'gzip' }).end(gzipSync(Buffer.alloc(1 << 20)));
    });
    await expect(pulls.fetched({ endpoint })).rejects.toThrow('with a Content-Encoding');
  });

  test('a body that drips is a broken connection, however often it is asked for', async () => {
    let asked = 0;
    const endpoint = await hostileHub(NAMES, (_request, response) => {
      asked += 1;
      response.writeHead(200);
      const timer = setInterval(() => response.write('x'), 10);
      response.on('close', () => clearInterval(timer));
    });
    await expect(pulls.fetched({ endpoint, silenceMs: 100 })).rejects.toThrow('sends less than 16 KiB');
    expect(asked).toBe(6);
    expect(existsSync(join(pulls.modelsFolder, 'owner/model', COMMIT))).toBe(false);
  });

  test('a list without an end is cut off', async () => {
    const endpoint = await hostileHub([{ rfilename: 'x'.repeat(33 << 20) }], endless);
    await expect(pulls.fetched({ endpoint })).rejects.toThrow('bytes of JSON');
  });
});

test('a file that is listed many times is fetched once, and names of no checkpoint not at all', async () => {
  const asked: string[] = [];
  const odd = [
    '../config.json',
    '/etc/config.json',
    '..\\config.json',
    'config.json\u0000',
    'a\u001b[31m.json',
    'CONFIG.json',
  ];
  const list = [...NAMES, ...NAMES, ...NAMES, ...odd.map((rfilename) => ({ rfilename }))];
  const endpoint = await hostileHub(list, (request, response) => {
    asked.push(request.url ?? '');
    response.end('{}');
  });
  await pulls.fetched({ endpoint });
  expect(asked.map((url) => url.split('/').at(-1))).toEqual(['config.json', 'model.safetensors']);
});

test('shards that differ only in capitals, or thousands of them, are refused', () => {
  const index = (names: readonly string[]) =>
    JSON.stringify({ weight_map: Object.fromEntries(names.map((name, i) => [`t${i}`, name])) });
  const select = (names: readonly string[]) =>
    selectShards({ id: 'o/m', commit: COMMIT, files: [], baseModels: [] }, 'i.json', index(names));
  expect(() => select(['a-1.safetensors', 'A-1.safetensors'])).toThrow('only in capitals');
  expect(() => select(Array.from({ length: 1001 }, (_, i) => `m-${i}.safetensors`))).toThrow('1000 are the most');
  expect(() => select(['../a.safetensors'])).toThrow('which is not a shard');
});

test('a name that the hub gives itself is no path and no text for a terminal', async () => {
  const endpoint = await hostileHub(NAMES, (_request, response) => void response.end('{}'), '../..\u001b[2J');
  expect(await pulls.fetched({ endpoint })).toMatchObject({ id: 'owner/model', movedTo: null });
});

describe('redirects', () => {
  test.each([
    'http://169.254.169.254/latest/meta-data',
    'http://2852039166/',
    'http://0xa9fea9fe/',
    'http://0251.0376.0251.0376/',
    'http://[::ffff:169.254.169.254]/',
    'http://[64:ff9b::a9fe:a9fe]/',
    'http://[fe80::1]/',
    'http://224.0.0.1/',
    'http://0.0.0.0/',
  ])('an endpoint on this machine may not redirect to %s', async (location) => {
    const endpoint = await hostileHub(NAMES, (_request, response) => response.writeHead(302, { location }).end());
    const failure = pulls.fetched({ endpoint });
    await expect(failure).rejects.toThrow(HubError);
    await expect(failure).rejects.toThrow(/the hub redirects to .*a link-local or reserved address: refused/);
  });

  test('without an end are refused', async () => {
    const endpoint = await hostileHub(NAMES, (_request, response) =>
      response.writeHead(302, { location: '/again' }).end(),
    );
    await expect(pulls.fetched({ endpoint })).rejects.toThrow('redirects more than 8 times');
  });

  test.each([
    ['127.0.0.1', 'loopback'],
    ['::1', 'loopback'],
    ['::ffff:127.0.0.1', 'loopback'],
    ['::ffff:a00:1', 'private'],
    ['10.1.2.3', 'private'],
    ['172.31.255.255', 'private'],
    ['192.168.0.1', 'private'],
    ['100.64.0.1', 'private'],
    ['fd12::1', 'private'],
    ['2002:7f00:1::', 'loopback'],
    ['169.254.0.1', 'special'],
    ['100.100.100.200', 'special'],
    ['fd00:ec2::254', 'special'],
    ['::', 'special'],
    ['fe80::1%eth0', 'special'],
    ['ff02::1', 'special'],
    ['255.255.255.255', 'special'],
    ['8.8.8.8', 'public'],
    ['172.32.0.1', 'public'],
    ['2606:4700::1', 'public'],
    ['64:ff9b::808:808', 'public'],
  ])('%s is %s', (address, kind) => {
    expect(addressKind(address)).toBe(kind);
  });

  const own = Object.values(networkInterfaces())
    .flatMap((addresses) => addresses ?? [])
    .find(({ family, internal, address }) => family === 'IPv4' && !internal && addressKind(address) !== 'loopback');

  test.skipIf(!own).each(['localhost', '127.0.0.1', '[::1]'])(
    'of a hub that is not on this machine do not reach %s',
    async (host) => {
      let reached = false;
      const endpoint = await hostileHub(
        NAMES,
        (request, response) => {
          if (request.headers.host?.startsWith(own?.address ?? '')) {
            const { port } = new URL(`http://${request.headers.host}`);
            response.writeHead(302, { location: `http://${host}:${port}/secret` }).end();
          } else {
            reached = true;
            response.end('{}');
          }
        },
        'owner/model',
        '0.0.0.0',
      );
      const { port } = new URL(endpoint);
      const failure = pulls.fetched({ endpoint: `http://${own?.address}:${port}` });
      await expect(failure).rejects.toThrow(/the hub redirects to .*an address of this machine: refused/);
      expect(reached).toBe(false);
    },
  );

  test('a proxy of this machine is no redirect, by whatever name it goes', async () => {
    pulls.hub.repositories.set('owner/model', PLAIN);
    const asked: string[] = [];
    const proxy = createServer();
    proxy.on('connect', (request, socket, head) => {
      asked.push(request.url ?? '');
      const { hostname, port } = new URL(pulls.hub.endpoint);
      const onward = connect(Number(port), hostname, () => {
        socket.write('HTTP/1.1 200 Connection Established\r\n\r\n');
        onward.write(head);
        socket.pipe(onward).pipe(socket);
      });
      for (const end of [socket, onward]) end.on('error', () => end.destroy());
    });
    proxy.listen(0, 'localhost');
    await once(proxy, 'listening');
    onTestFinished(() => void proxy.close());
    const { port } = proxy.address() as AddressInfo;
    const failure = pulls.fetched({ endpoint: 'http://hub.example', httpProxy: `http://localhost:${port}` });
    // Its large files lie at an address of this machine, where a public hub may not point.
    await expect(failure).rejects.toThrow('the hub redirects to 127.0.0.1, an address of this machine: refused');
    expect(asked).toContain('hub.example:80');
  });

  /** Names as a resolver of the test's own gives them. */
  async function looked(endpoint: string, name: string, names: Readonly<Record<string, string>>): Promise<string> {
    const guard = createAddressGuard(new URL(endpoint), (asked, _options, done) => {
      const address = names[asked] ?? '';
      done(null, [{ address, family: address.includes(':') ? 6 : 4 }]);
    });
    const ask = (host: string) =>
      new Promise<string>((resolve, reject) => {
        guard.lookup(host, {}, (error, address) => (error ? reject(error) : resolve(String(address))));
      });
    const { hostname } = new URL(endpoint);
    if (names[hostname] !== undefined) await ask(hostname);
    return ask(name);
  }

  test('a name is judged by what it means when the connection is made', async () => {
    const names = { 'hub.example': '93.184.216.34', 'cdn.example': '127.0.0.1', 'meta.example': '169.254.169.254' };
    const refused = looked('https://hub.example', 'cdn.example', names);
    await expect(refused).rejects.toThrow(HubError);
    await expect(refused).rejects.toThrow('the hub redirects to cdn.example (127.0.0.1), an address of this machine');
    await expect(looked('https://hub.example', 'meta.example', names)).rejects.toThrow('link-local');
    await expect(looked('http://127.0.0.1', 'cdn.example', names)).resolves.toBe('127.0.0.1');
  });

  test('a hub of a private network may point into it, and not to this machine', async () => {
    const names = { 'hub.corp': '10.0.0.1', 'store.corp': '10.0.0.2', 'evil.corp': '127.0.0.1' };
    await expect(looked('https://hub.corp', 'store.corp', names)).resolves.toBe('10.0.0.2');
    await expect(looked('https://hub.corp', 'evil.corp', names)).rejects.toThrow('an address of this machine');
  });
});
