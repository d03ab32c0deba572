import { execFileSync, spawnSync } from 'node:child_process';
import {
  chmodSync,
  cpSync,
  existsSync,
  lstatSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { bundledPostgres, preparePostgres } from '../../src/services/postgres-binaries.ts';
import { serviceUser } from '../../src/services/service-user.ts';
import { openServices } from '../../src/services/services.ts';
import {
  createTestHome,
  emptyPath,
  query,
  quiet,
  searchPath,
  serverPid,
  type TestHome,
} from '../support/services-home.ts';

const isRoot = process.getuid?.() === 0;
const NOBODY = 65534;
/** An ordinary user may be unable to reach the checkout, or Node, under somebody's home. */
const asNobody = (program: string, argument: string) =>
  spawnSync(program, [argument], { uid: NOBODY, gid: NOBODY, cwd: '/' }).status === 0;
const ordinaryUserCanRun =
  isRoot && asNobody(process.execPath, '--version') && asNobody('/bin/cat', fileURLToPath(import.meta.url));

describe.skipIf(!isRoot)(`as root${isRoot ? '' : ' (skipped: not root)'}`, () => {
  let fixture: TestHome;
  beforeEach(() => {
    fixture = createTestHome();
  });
  afterEach(() => fixture.remove());

  test('the servers run as somebody else, in a home that only root can enter', async () => {
    const home = join(fixture.home, 'of root', '.detoxq');
    mkdirSync(home, { recursive: true, mode: 0o700 });
    const services = await openServices({ home, path: searchPath, log: quiet });
    expect(await query(services.databaseUrl, 'select 1 as n')).toEqual({ n: 1 });
    expect(statSync(`/proc/${serverPid(home, 'postgres')}`).uid).not.toBe(0);
    if (services.redisUrl !== null) expect(statSync(`/proc/${serverPid(home, 'redis')}`).uid).not.toBe(0);
    await services.close();
  });

  test('a home that an ordinary user made stays that user’s', async () => {
    const services = await openServices({ home: fixture.home, path: emptyPath, log: quiet });
    await services.close();
    execFileSync('chown', ['-R', '12345:12345', join(fixture.home, 'postgres')]);
    const again = await openServices({ home: fixture.home, path: emptyPath, log: quiet });
    expect(statSync(`/proc/${serverPid(fixture.home, 'postgres')}`).uid).toBe(12345);
    await again.close();
  });
});

describe.skipIf(!ordinaryUserCanRun)(
  `as an ordinary user${ordinaryUserCanRun ? '' : ' (skipped: needs root and a checkout that all can read)'}`,
  () => {
    let fixture: TestHome;
    beforeEach(() => {
      fixture = createTestHome(NOBODY);
    });
    afterEach(() => fixture.remove());

    test('everything runs as that user', async () => {
      const owner = await fixture.owner({ uid: NOBODY });
      expect(await query(owner.databaseUrl, 'select 1 as n')).toEqual({ n: 1 });
      expect(statSync(`/proc/${serverPid(fixture.home, 'postgres')}`).uid).toBe(NOBODY);
      expect(readFileSync(`/proc/${serverPid(fixture.home, 'postgres')}/cmdline`, 'utf8')).toContain(fixture.home);
      await owner.end();
    });

    test('a home that root used is refused with what to do', async () => {
      const services = await openServices({ home: fixture.home, path: emptyPath, log: quiet });
      await services.close();
      await expect(fixture.owner({ uid: NOBODY, path: emptyPath })).rejects.toThrow(/cannot be (written|read)/);
    });
  },
);

describe('the Postgres binaries', () => {
  let folder: string;
  let bundled: { folder: string; version: string };
  let copies: string;
  beforeAll(() => {
    folder = mkdtempSync(join(tmpdir(), 'detoxq-binaries-'));
    chmodSync(folder, 0o755);
  });
  afterAll(() => {
    chmodSync(bundled.folder, 0o755);
    rmSync(folder, { recursive: true, force: true });
  });
  beforeEach(() => {
    const original = bundledPostgres();
    bundled = { folder: join(mkdtempSync(join(folder, 'package-')), 'native'), version: original.version };
    chmodSync(join(bundled.folder, '..'), 0o755);
    cpSync(original.folder, bundled.folder, { recursive: true, verbatimSymlinks: true });
    copies = mkdtempSync(join(folder, 'copies-'));
    // As npm leaves it when it does not run the package's install script.
    for (const name of links()) rmSync(join(bundled.folder, 'lib', name));
  });

  const user = serviceUser('/nonexistent');
  const links = (base = bundled.folder) =>
    readdirSync(join(base, 'lib')).filter((name) => lstatSync(join(base, 'lib', name)).isSymbolicLink());

  test('get their links where they are, once', () => {
    expect(links()).toEqual([]);
    const binaries = preparePostgres(bundled, copies, user);
    expect(binaries.postgres).toBe(join(bundled.folder, 'bin', 'postgres'));
    expect(Number(binaries.majorVersion)).toBeGreaterThanOrEqual(18);
    expect(links().length).toBeGreaterThan(10);
    for (const name of links()) expect(existsSync(join(bundled.folder, 'lib', name))).toBe(true);
    expect(preparePostgres(bundled, copies, user)).toEqual(binaries);
    expect(readdirSync(copies)).toEqual([]);
  });

  test('are copied where they cannot be used as they are, once', () => {
    // Out of reach for the service user of root; not to be written for an ordinary user.
    if (isRoot) chmodSync(join(bundled.folder, '..'), 0o700);
    else chmodSync(join(bundled.folder, 'lib'), 0o555);
    const binaries = preparePostgres(bundled, copies, user);
    const [copy] = readdirSync(copies);
    expect(binaries.postgres).toBe(join(copies, copy!, 'bin', 'postgres'));
    expect(links(join(copies, copy!)).length).toBeGreaterThan(10);
    const made = statSync(binaries.postgres).ino;
    expect(preparePostgres(bundled, copies, user)).toEqual(binaries);
    expect(statSync(binaries.postgres).ino).toBe(made);
    expect(readdirSync(copies)).toHaveLength(1);
    chmodSync(join(bundled.folder, 'lib'), 0o755);
  });

  test.skipIf(!isRoot)(
    `are not run by root from a folder that others can write${isRoot ? '' : ' (skipped: not root)'}`,
    () => {
      chmodSync(join(bundled.folder, '..'), 0o700);
      chmodSync(copies, 0o777);
      expect(() => preparePostgres(bundled, copies, user)).toThrow(/can be written by others/);
    },
  );

  test('that do not run here are told with the way out', () => {
    rmSync(join(bundled.folder, 'lib'), { recursive: true });
    mkdirSync(join(bundled.folder, 'lib'));
    rmSync(join(bundled.folder, 'bin', 'postgres'));
    expect(() => preparePostgres(bundled, copies, user)).toThrow(/does not run on this machine.*DATABASE_URL/s);
  });
});
