import { once } from 'node:events';
import { mkdirSync, readdirSync, writeFileSync } from 'node:fs';
import { type AddressInfo, createServer } from 'node:net';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { keepServices, servicesStatus, stopServices } from '../../src/services/lease.ts';
import { identifyProcess, isRunning, type ProcessIdentity } from '../../src/services/process-identity.ts';
import {
  createTestHome,
  keeperPid,
  type Owner,
  query,
  quiet,
  redis,
  searchPath,
  serverPid,
  type TestHome,
  watchEnd,
} from '../support/services-home.ts';

let fixture: TestHome;
let home: string;
beforeAll(() => {
  fixture = createTestHome();
  home = fixture.home;
});
afterAll(() => fixture.remove());

/** What runs for the home now; Redis only where there is one. */
function running(owner: Owner): ProcessIdentity[] {
  const names = owner.redisUrl === null ? (['postgres'] as const) : (['postgres', 'redis'] as const);
  const pids = [keeperPid(home), ...names.map((name) => serverPid(home, name))];
  return pids.map((pid) => identifyProcess(pid) ?? expect.fail(`process ${pid} does not run`));
}

/** Resolves when Postgres, Redis and the keeper have ended; they must be about to. */
async function untilEnded(owner: Owner): Promise<void> {
  await Promise.all([owner.databaseUrl, owner.redisUrl].map(async (url) => url && (await watchEnd(url)).ended));
  await stopServices(home);
}

describe('several commands in one home', () => {
  test('four that start at once share one keeper and one Postgres', async () => {
    const owners = await Promise.all([1, 2, 3, 4].map(() => fixture.owner()));
    const [first] = owners as [Owner];
    for (const owner of owners)
      expect(owner).toMatchObject({ databaseUrl: first.databaseUrl, redisUrl: first.redisUrl });
    expect(await servicesStatus(home)).toMatchObject({ leases: 4, kept: false });
    expect(readdirSync(`${home}/services`).filter((name) => /^keeper\.\d+$/.test(name))).toHaveLength(1);
    expect(await query(first.databaseUrl, 'select 1 as n')).toEqual({ n: 1 });
    const before = running(first);

    await Promise.all(owners.slice(1).map((owner) => owner.end()));
    expect(before.every(isRunning)).toBe(true);
    await first.end();
    expect(before.some(isRunning)).toBe(false);
    expect(await servicesStatus(home)).toBeNull();
  });

  test('one that comes while the services stop waits and starts them again', async () => {
    const first = await fixture.owner();
    const [, second] = await Promise.all([first.end(), fixture.owner()]);
    expect(await query(second.databaseUrl, 'select 1 as n')).toEqual({ n: 1 });
    await second.end();
  });

  test('Ctrl-C, which goes to the whole process group, does not end the services', async () => {
    const owner = await fixture.owner({ detached: true });
    const before = running(owner);
    process.kill(-owner.process.pid!, 'SIGINT');
    expect(await owner.line()).toBe('SIGINT');
    expect(await query(owner.databaseUrl, 'select 1 as n')).toEqual({ n: 1 });
    expect(before.every(isRunning)).toBe(true);
    await owner.end();
    expect(before.some(isRunning)).toBe(false);
  });
});

describe('nothing stays behind', () => {
  test('when the last command is killed', async () => {
    const [one, two] = await Promise.all([fixture.owner(), fixture.owner()]);
    const before = running(one);
    await one.kill();
    expect(await query(two.databaseUrl, 'select 1 as n')).toEqual({ n: 1 });
    const ended = untilEnded(two);
    await two.kill();
    await ended;
    // The keeper may have let go of its socket and still be about to end: nothing tells another process when it has.
    await expect.poll(() => before.some(isRunning), { timeout: 10_000 }).toBe(false);
  });

  test('when command and keeper are killed: the next start stops what is left and has the data', async () => {
    const killed = await fixture.owner();
    await query(killed.databaseUrl, 'create table kept as select 7 as n');
    if (killed.redisUrl !== null) await redis(killed.redisUrl, ['SET kept 7']);
    const [keeper, ...servers] = running(killed);
    // Held still, the command cannot start another keeper in between.
    killed.process.kill('SIGSTOP');
    process.kill(keeper!.pid, 'SIGKILL');
    await killed.kill();
    expect(servers.every(isRunning)).toBe(true);

    const next = await fixture.owner();
    expect(servers.some(isRunning)).toBe(false);
    expect(next.databaseUrl).toBe(killed.databaseUrl);
    expect(await query(next.databaseUrl, 'select n from kept')).toEqual({ n: 7 });
    if (next.redisUrl !== null) expect(await redis(next.redisUrl, ['GET kept'])).toBe('7');
    await next.end();
  });

  test('when everything is killed: the next start recovers', async () => {
    const killed = await fixture.owner();
    await query(killed.databaseUrl, 'create table written as select 7 as n');
    const all = running(killed);
    killed.process.kill('SIGSTOP');
    for (const { pid } of all) process.kill(pid, 'SIGKILL');
    await killed.kill();

    const next = await fixture.owner();
    expect(await query(next.databaseUrl, 'select n from written')).toEqual({ n: 7 });
    await next.end();
    expect(await servicesStatus(home)).toBeNull();
  });

  test('when the keeper is killed under a command that goes on: it gets another one', async () => {
    const owner = await fixture.owner();
    const keeper = running(owner)[0]!;
    process.kill(keeper.pid, 'SIGKILL');
    await expect
      .poll(() => keeperPid(home) !== keeper.pid && servicesStatus(home), { timeout: 20_000 })
      .toMatchObject({
        databaseUrl: owner.databaseUrl,
        redisUrl: owner.redisUrl,
        leases: 1,
      });
    const after = running(owner);
    expect(await query(owner.databaseUrl, 'select 1 as n')).toEqual({ n: 1 });
    await owner.end();
    expect(after.some(isRunning)).toBe(false);
  });
});

test('a keeper that dies while it is asked is no keeper', async () => {
  const other = createTestHome();
  const state = join(other.home, 'services');
  mkdirSync(state);
  // As between the end of its connections and the end of its process: it is there, and its port is closed.
  const closed = createServer().listen(0, '127.0.0.1');
  await once(closed, 'listening');
  const { port } = closed.address() as AddressInfo;
  closed.close();
  await once(closed, 'close');
  writeFileSync(join(state, 'keeper.1'), JSON.stringify({ process: identifyProcess(process.pid), port, token: 't' }));
  expect(await servicesStatus(other.home)).toBeNull();
  expect(await stopServices(other.home)).toBe(0);
  await other.remove();
});

describe('services that are kept', () => {
  const keep = () => keepServices({ home, path: searchPath, needs: { postgres: true, redis: true }, log: quiet });

  test('run without a command until they are stopped', async () => {
    const { databaseUrl } = await keep();
    expect(await servicesStatus(home)).toMatchObject({ databaseUrl, leases: 0, kept: true });
    const owner = await fixture.owner();
    expect(owner.databaseUrl).toBe(databaseUrl);
    const all = running(owner);
    await owner.end();
    expect(all.every(isRunning)).toBe(true);
    expect(await stopServices(home)).toBe(0);
    expect(all.some(isRunning)).toBe(false);
    expect(await stopServices(home)).toBe(0);
  });

  test('are not taken from a command that uses them', async () => {
    await keep();
    const owner = await fixture.owner();
    const all = running(owner);
    expect(await stopServices(home)).toBe(1);
    expect(await query(owner.databaseUrl, 'select 1 as n')).toEqual({ n: 1 });
    await owner.end();
    expect(all.some(isRunning)).toBe(false);
  });
});
