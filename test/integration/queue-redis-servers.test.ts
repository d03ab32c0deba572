import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { Redis } from 'ioredis';
import { afterAll, beforeAll, describe, expect, onTestFinished, test, vi } from 'vitest';
import type { ChunkQueue } from '../../src/queue/queue.ts';
import { createRedisQueue } from '../../src/queue/redis-queue.ts';
import { runCli } from '../support/cli.ts';
import { createTestDatabase } from '../support/database.ts';
import { canStartRedis, freePort, type PrivateRedis, startPrivateRedis } from '../support/private-redis.ts';
import { createTestLog, jobOf } from '../support/queues.ts';

const ONE_REDIS = 'detoxq works with one Redis or Valkey (the primary), not with a Cluster and not through Sentinel';

async function openQueue(
  url: string,
  { log }: ReturnType<typeof createTestLog> = createTestLog(),
): Promise<ChunkQueue> {
  const queue = await createRedisQueue({ url, name: 'servers-test', log });
  onTestFinished(() => queue.close());
  return queue;
}

const refusalOf = (url: string): Promise<string> =>
  openQueue(url).then(
    () => 'no error',
    (error: Error) => error.message,
  );

/** Answers each command with what `reply` makes of its name. */
async function startFakeRedis(reply: (command: string) => string): Promise<string> {
  const server = createServer((socket) => {
    socket.on('error', () => {});
    socket.on('data', (data) => {
      // Commands are arrays of bulk strings; the first string of each is its name.
      for (const [, command = ''] of String(data).matchAll(/\*\d+\r\n\$\d+\r\n([a-z]+)\r\n/gi)) {
        socket.write(reply(command.toLowerCase()));
      }
    });
  }).listen(0, '127.0.0.1');
  await once(server, 'listening');
  onTestFinished(() => void server.close());
  const address = server.address();
  if (address === null || typeof address === 'string') throw new Error('a TCP server has a port');
  return `redis://127.0.0.1:${address.port}`;
}

const bulk = (text: string) => `$${text.length}\r\n${text}\r\n`;

test('a Redis that is too old is told so', async () => {
  const url = await startFakeRedis((command) => {
    if (command === 'hello') return "-ERR unknown command 'HELLO'\r\n";
    return command === 'info' ? bulk('redis_version:5.0.14\r\nredis_mode:standalone\r\nrole:master\r\n') : '+OK\r\n';
  });
  expect(await refusalOf(url)).toContain('is version 5.0: detoxq needs 6.2 or newer');
});

test('a Redis that loads its data is waited for, and the log says so', async () => {
  let loading = true;
  const url = await startFakeRedis((command) => {
    if (command === 'hello') return "-ERR unknown command 'HELLO'\r\n";
    return command === 'info' ? bulk(`redis_version:6.0.0\r\nloading:${loading ? 1 : 0}\r\n`) : '+OK\r\n';
  });
  const log = createTestLog();
  const opening = openQueue(url, log).catch((error: Error) => error.message);
  await vi.waitFor(
    () => expect(JSON.stringify(log.entries)).toContain('it loads its data, or does not answer'),
    20_000,
  );
  loading = false;
  expect(await opening).toContain('is version 6.0');
});

test('what is no Redis is told apart', async () => {
  const url = await startFakeRedis(() => 'HTTP/1.1 400 Bad Request\r\n\r\n');
  expect(await refusalOf(url)).toContain('what listens there is no Redis');
});

test('a socket that is not there is told so', async () => {
  expect(await refusalOf('unix:///nonexistent/redis.sock')).toBe(
    'Redis at /nonexistent/redis.sock cannot be used: that socket does not exist: is Redis running, and is REDIS_URL right?',
  );
});

describe.skipIf(!canStartRedis)('servers that are not what a queue needs', () => {
  let folder: string;
  let redis: PrivateRedis;
  let socket: string;
  beforeAll(async () => {
    folder = mkdtempSync(join(tmpdir(), 'detoxq-redis-servers-'));
    socket = join(folder, 'r.sock');
    redis = await startPrivateRedis(['--databases', '4', '--requirepass', 'hunter2', '--unixsocket', socket]);
  });
  afterAll(async () => {
    await redis.remove();
    rmSync(folder, { recursive: true });
  });
  const at = (credentials: string, end = '') => `redis://${credentials}127.0.0.1:${redis.port}${end}`;

  test.each([
    ['', '', 'it asks for a password, and the address has no password'],
    [':hunter3@', '', 'user or password is wrong'],
    ['stranger:hunter2@', '', 'user or password is wrong'],
    [':hunter2@', '/99', 'it has no database of that number'],
  ])('%s…%s', async (credentials, end, expected) => {
    const message = await refusalOf(at(credentials, end));
    expect(message).toContain(expected);
    expect(message).not.toContain('hunter');
  });

  test('a database that went away ends the connection; nothing is put into database 0', async () => {
    const other = await startPrivateRedis(['--databases', '4']);
    onTestFinished(() => other.remove());
    const log = createTestLog();
    const queue = await openQueue(`${other.url}/3`, log);
    await queue.add([jobOf(0)]);
    await other.kill();
    const smaller = await startPrivateRedis(['--databases', '2', '--port', String(other.port)]);
    onTestFinished(() => smaller.remove());
    await vi.waitFor(() => expect(JSON.stringify(log.entries)).toContain('it has no database of that number'), 20_000);
    await expect(queue.add([jobOf(1)])).rejects.toThrow('cannot be used');
    const admin = new Redis(other.url);
    expect(await admin.dbsize()).toBe(0);
    admin.disconnect();
  });

  test('a Unix socket works, with its database', async () => {
    const queue = await openQueue(`unix://:hunter2@${socket}?db=2`);
    await queue.add([jobOf(0)]);
    expect(await queue.depth()).toBe(1);
    const admin = new Redis({ path: socket, password: 'hunter2', db: 2 });
    expect(await admin.dbsize()).toBeGreaterThan(0);
    admin.disconnect();
    await queue.obliterate();
  });

  test.each([
    ['the command that asks what it is', ['~*', '&*', '+@all', '-info']],
    ['the keys', ['~other*', '&*', '+@all']],
    ['every command', ['~*', '&*', '-@all']],
  ])('a user who may not use %s is told so', async (_, rules) => {
    const admin = new Redis(at(':hunter2@'));
    onTestFinished(() => admin.disconnect());
    await admin.acl('SETUSER', 'narrow', 'reset', 'on', '>hunter4', ...rules);
    const queue = createRedisQueue({
      url: at('narrow:hunter4@'),
      name: 'servers-test',
      installation: 'database a, schema b',
      log: createTestLog().log,
    });
    await expect(queue).rejects.toThrow(/this user may not do what a queue needs: check its ACL$/);
  });

  test('a Redis that is full is told so', async () => {
    const full = await startPrivateRedis(['--maxmemory-policy', 'noeviction']);
    onTestFinished(() => full.remove());
    const admin = new Redis(full.url);
    onTestFinished(() => admin.disconnect());
    const options = { url: full.url, name: 'servers-test', installation: 'database a, schema b' };
    await admin.config('SET', 'maxmemory', '1');
    await expect(createRedisQueue({ ...options, log: createTestLog().log })).rejects.toThrow(
      /its memory is full: raise maxmemory, or wait until workers have caught up$/,
    );
    await admin.config('SET', 'maxmemory', '0');
    await (await createRedisQueue({ ...options, log: createTestLog().log })).close();
    await admin.config('SET', 'maxmemory', '1');
    // Opened before, it is known to be ours: that takes no memory.
    const queue = await createRedisQueue({ ...options, log: createTestLog().log });
    onTestFinished(() => queue.close());
    await expect(queue.add([jobOf(0)])).rejects.toThrow('its memory is full');
  });

  test('a replica is refused at once', async () => {
    const replica = await startPrivateRedis(['--replicaof', '127.0.0.1', String(redis.port)]);
    onTestFinished(() => replica.remove());
    expect(await refusalOf(replica.url)).toContain('is a replica, which takes no jobs: point REDIS_URL at the primary');
  });

  test('a Sentinel is refused at once, with what is supported', async () => {
    const port = await freePort();
    const file = join(folder, 'sentinel.conf');
    writeFileSync(file, `port ${port}\nbind 127.0.0.1\ndir ${folder}\nsentinel monitor m 127.0.0.1 ${redis.port} 1\n`);
    const child = spawn('redis-server', [file, '--sentinel'], { stdio: ['ignore', 'pipe', 'inherit'] });
    const ended = once(child, 'exit');
    onTestFinished(async () => {
      child.kill('SIGKILL');
      await ended;
    });
    for await (const line of createInterface({ input: child.stdout })) if (line.includes('+monitor')) break;
    child.stdout.resume();
    for (const end of ['', '/1']) {
      const message = await refusalOf(`redis://127.0.0.1:${port}${end}`);
      expect(message).toContain('is a Sentinel');
      expect(message).toContain(ONE_REDIS);
    }
  });

  test('a Cluster is refused at once, with what is supported, by every verb that works', {
    timeout: 120_000,
  }, async () => {
    const node = await startPrivateRedis(['--cluster-enabled', 'yes']);
    const fixture = await createTestDatabase();
    onTestFinished(async () => {
      await fixture.drop();
      await node.remove();
    });
    const file = join(folder, 'rows.txt');
    writeFileSync(file, 'one comment\nanother comment\n');
    const env = { DATABASE_URL: fixture.url, REDIS_URL: node.url, DETOXQ_HOME: join(folder, 'home') };
    for (const verb of [
      ['enqueue', file],
      ['worker', '--processes', '1'],
      ['run', file],
    ]) {
      const { code, stderr } = await runCli(verb, env);
      expect(stderr).toContain(`Redis at 127.0.0.1:${node.port} is a node of a Redis Cluster: ${ONE_REDIS}`);
      expect(stderr).not.toContain('ready');
      expect(code).toBe(1);
    }
    const status = await runCli(['status'], env);
    expect(status).toMatchObject({ code: 0, stderr: expect.stringContaining('Warning: Redis at') });
    expect(status.stderr).toContain('is a node of a Redis Cluster');
    expect(await refusalOf(`${node.url}/1`)).toContain('is a node of a Redis Cluster');
  });
});
