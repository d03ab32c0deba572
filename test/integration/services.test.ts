import { once } from 'node:events';
import { existsSync, mkdirSync, readdirSync, readFileSync, renameSync, statSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:net';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { ServiceError } from '../../src/contract/errors.ts';
import { leaseServices, servicesStatus } from '../../src/services/lease.ts';
import { identifyProcess, isRunning } from '../../src/services/process-identity.ts';
import { openServices } from '../../src/services/services.ts';
import { redisUrl as redisForTests, withRedis } from '../support/services.ts';
import {
  createTestHome,
  emptyPath,
  query,
  quiet,
  redis,
  searchPath,
  serverPid,
  type TestHome,
} from '../support/services-home.ts';

let fixture: TestHome;
let home: string;
const fresh = () => {
  fixture = createTestHome();
  home = fixture.home;
};
const remove = () => fixture.remove();

const open = (path = emptyPath) => openServices({ home, path, log: quiet });

describe('what is used', () => {
  beforeEach(fresh);
  afterEach(remove);

  test('services that are given are passed through and nothing is started', async () => {
    const services = await openServices({
      home,
      path: searchPath,
      log: quiet,
      databaseUrl: 'postgres://db.example/detoxq',
      redisUrl: 'redis://redis.example',
    });
    expect(services).toMatchObject({
      databaseUrl: 'postgres://db.example/detoxq',
      redisUrl: 'redis://redis.example',
      postgres: 'external',
      redis: 'external',
    });
    await services.close();
    expect(readdirSync(home)).toEqual([]);
  });

  test('a database of others is never joined with a Redis that only this machine sees', async () => {
    const databaseUrl = 'postgres://db.example/detoxq';
    const services = await openServices({ home, path: searchPath, log: quiet, databaseUrl });
    expect(services).toMatchObject({ databaseUrl, redisUrl: null, redis: 'none' });
    expect(readdirSync(home)).toEqual([]);
  });

  test('without a redis-server on PATH there is Postgres alone', async () => {
    const services = await open(emptyPath);
    expect(services).toMatchObject({ postgres: 'embedded', redis: 'none', redisUrl: null });
    await services.close();
  });
});

describe('the embedded Postgres', () => {
  beforeAll(fresh);
  afterAll(remove);

  test('is durable, in UTF-8 and UTC, and sorts alike on every machine', async () => {
    const services = await open();
    expect(
      await query(
        services.databaseUrl,
        `select current_setting('fsync') as fsync, current_setting('synchronous_commit') as commit,
                current_setting('server_encoding') as encoding, current_setting('TimeZone') as zone,
                current_setting('max_connections') as connections,
                (select datlocale from pg_database where datname = current_database()) as locale`,
      ),
    ).toEqual({ fsync: 'on', commit: 'on', encoding: 'UTF8', zone: 'UTC', connections: '50', locale: 'C.UTF-8' });
    await services.close();
  });

  test('opens to its password only, and listens on this machine only', async () => {
    const services = await open();
    const url = new URL(services.databaseUrl);
    expect(url.hostname).toBe('127.0.0.1');
    expect(await query(url.href, "select current_setting('listen_addresses') as at")).toEqual({ at: '127.0.0.1' });
    url.password = 'guess';
    await expect(query(url.href, 'select 1')).rejects.toThrow(/password authentication failed/);
    url.username = 'postgres';
    await expect(query(url.href, 'select 1')).rejects.toThrow(/password authentication failed/);
    expect(statSync(join(home, 'services', 'passwords.json')).mode & 0o077).toBe(0);
    expect(statSync(join(home, 'services')).mode & 0o077).toBe(0);
    expect(statSync(join(home, 'postgres')).mode & 0o077).toBe(0);
    await services.close();
  });

  test('never writes text of rows to its log', async () => {
    const services = await open();
    await query(services.databaseUrl, 'create table t (n integer primary key)');
    await expect(query(services.databaseUrl, "insert into t values ('row text')")).rejects.toThrow('row text');
    await expect(query(services.databaseUrl, "select 'row text' from nowhere")).rejects.toThrow('nowhere');
    await services.close();
    const log = readFileSync(join(home, 'services', 'postgres.log'), 'utf8');
    expect(log).toContain('database system is ready');
    expect(log).not.toContain('row text');
  });

  test('keeps data and address over a restart', async () => {
    const first = await open();
    await query(first.databaseUrl, 'create table kept as select 7 as n');
    await first.close();
    const second = await open();
    expect(second.databaseUrl).toBe(first.databaseUrl);
    expect(await query(second.databaseUrl, 'select n from kept')).toEqual({ n: 7 });
    await second.close();
  });

  test('takes another port when its own is taken', async () => {
    const first = await open();
    await first.close();
    const { port } = new URL(first.databaseUrl);
    const squatter = createServer().listen(Number(port), '127.0.0.1');
    await once(squatter, 'listening');
    const second = await open();
    expect(new URL(second.databaseUrl).port).not.toBe(port);
    expect(await query(second.databaseUrl, 'select 1 as n')).toEqual({ n: 1 });
    await second.close();
    squatter.close();
  });

  test('starts over a postmaster.pid whose pid is another process by now', async () => {
    await (await open()).close();
    writeFileSync(
      join(home, 'postgres', 'postmaster.pid'),
      `${process.pid}\n${join(home, 'postgres')}\n0\n1\n\n\n0 0\nready\n`,
    );
    const services = await open();
    expect(await query(services.databaseUrl, 'select 1 as n')).toEqual({ n: 1 });
    await services.close();
  });

  test('is replaced when it dies, with its data', async () => {
    const services = await open();
    await query(services.databaseUrl, 'create table survivor as select 7 as n');
    const killed = serverPid(home, 'postgres');
    process.kill(killed, 'SIGKILL');
    // A lease waits for the server that it needs, and the keeper may not have noticed yet.
    await expect
      .poll(
        async () => {
          const lease = await leaseServices({
            home,
            path: emptyPath,
            needs: { postgres: true, redis: false },
            log: quiet,
          });
          try {
            return await query(services.databaseUrl, 'select n from survivor');
          } catch {
            return undefined;
          } finally {
            await lease.release();
          }
        },
        { timeout: 20_000 },
      )
      .toEqual({ n: 7 });
    expect(serverPid(home, 'postgres')).not.toBe(killed);
    await services.close();
  });
});

describe('what stops a start', () => {
  beforeEach(fresh);
  afterEach(remove);

  test('data of another Postgres version', async () => {
    mkdirSync(join(home, 'postgres'), { mode: 0o700 });
    writeFileSync(join(home, 'postgres', 'PG_VERSION'), '15\n');
    await lastPasswords();
    await expect(open()).rejects.toThrow(/made by Postgres 15; this detoxq brings Postgres \d+/);
    expect(await servicesStatus(home)).toBeNull();
  });

  test('a folder of something else', async () => {
    mkdirSync(join(home, 'postgres'));
    writeFileSync(join(home, 'postgres', 'notes.txt'), 'mine');
    await lastPasswords();
    await expect(open()).rejects.toThrow(/not a Postgres data folder/);
    expect(readFileSync(join(home, 'postgres', 'notes.txt'), 'utf8')).toBe('mine');
  });

  test('a home that is not a folder', async () => {
    const file = join(home, 'file');
    writeFileSync(file, '');
    const start = openServices({ home: join(file, 'home'), path: emptyPath, log: quiet });
    await expect(start).rejects.toThrow(ServiceError);
    await expect(start).rejects.toThrow(/cannot be written/);
  });

  test('lost passwords', async () => {
    await (await open()).close();
    const passwords = join(home, 'services', 'passwords.json');
    renameSync(passwords, `${passwords}.lost`);
    await expect(open()).rejects.toThrow(/passwords\.json is missing/);
    renameSync(`${passwords}.lost`, passwords);
    await (await open()).close();
  });

  test('a Postgres on the same folder that is not ours', async () => {
    const services = await open();
    const pid = serverPid(home, 'postgres');
    // As after a restore of the folder of state from a backup: nothing says that this Postgres is ours.
    writeFileSync(join(home, 'services', 'postgres.json'), '{}');
    const keeper = readdirSync(join(home, 'services')).find(
      (name) => name.startsWith('keeper.') && name !== 'keeper.log',
    )!;
    const running = identifyProcess(pid)!;
    renameSync(join(home, 'services', keeper), join(home, 'services', 'hidden'));
    await expect(open()).rejects.toThrow(new RegExp(`Another Postgres, process ${pid}`));
    expect(isRunning(running)).toBe(true);
    renameSync(join(home, 'services', 'hidden'), join(home, 'services', 'keeper.9'));
    await services.close();
    expect(isRunning(running)).toBe(false);
  });

  /** As if the home had been used before. */
  async function lastPasswords(): Promise<void> {
    mkdirSync(join(home, 'services'), { mode: 0o700 });
    writeFileSync(join(home, 'services', 'passwords.json'), JSON.stringify({ postgres: 'p', redis: 'r' }), {
      mode: 0o600,
    });
  }
});

describe.skipIf(redisForTests === null)(withRedis('the private Redis'), () => {
  beforeAll(fresh);
  afterAll(remove);

  test('opens to its password only, keeps everything, and listens on this machine only', async () => {
    const services = await open(searchPath);
    const url = new URL(services.redisUrl!);
    expect(url.hostname).toBe('127.0.0.1');
    expect(await redis(`redis://${url.host}`, ['PING'])).toMatch(/^-NOAUTH/);
    expect(await redis(`redis://:guess@${url.host}`, ['PING'])).toMatch(/^-NOAUTH/);
    expect(await redis(url.href, ['CONFIG GET maxmemory-policy'])).toBe('noeviction');
    expect(await redis(url.href, ['CONFIG GET appendonly'])).toBe('yes');
    expect(await redis(url.href, ['CONFIG GET bind'])).toBe('127.0.0.1');
    const arguments_ = readFileSync(`/proc/${serverPid(home, 'redis')}/cmdline`, 'utf8');
    expect(arguments_).not.toContain(url.password);
    await services.close();
  });

  test('keeps data and address over a restart', async () => {
    const first = await open(searchPath);
    await redis(first.redisUrl!, ['SET kept 7']);
    await first.close();
    const second = await open(searchPath);
    expect(second.redisUrl).toBe(first.redisUrl);
    expect(await redis(second.redisUrl!, ['GET kept'])).toBe('7');
    await second.close();
    expect(existsSync(join(home, 'redis', 'appendonlydir'))).toBe(true);
  });
});
