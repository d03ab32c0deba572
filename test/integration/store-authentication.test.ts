import { chmodSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, onTestFinished, test } from 'vitest';
import { readConfig } from '../../src/config.ts';
import { ServiceError } from '../../src/contract/errors.ts';
import { createPostgresQueue } from '../../src/queue/postgres-queue.ts';
import { makeStateFolder, servicesFolder } from '../../src/services/folder.ts';
import { startPostgres } from '../../src/services/postgres-server.ts';
import { createPool } from '../../src/store/pool.ts';
import { runCli } from '../support/cli.ts';
import { createTestLog } from '../support/queues.ts';

/** All odd characters of an address are in it. */
const PASSWORD = 'hunter2:/?#@%25 ü';

let folder: string;
let place: string;
let stop: () => Promise<void>;
beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), 'detoxq-authentication-'));
  chmodSync(folder, 0o711);
  const state = servicesFolder(folder);
  makeStateFolder(state);
  const server = await startPostgres(state, 'hunter1');
  stop = async () => {
    process.kill(server.pid, 'SIGQUIT');
    await server.ended;
  };
  const pool = createPool(server.url, { max: 1, applicationName: 'detoxq-test' });
  await pool.query(`ALTER ROLE detoxq PASSWORD '${PASSWORD}'`);
  await pool.close();
  place = new URL(server.url).host;
});
afterAll(async () => {
  await stop();
  rmSync(folder, { recursive: true });
});

const encoded = encodeURIComponent(PASSWORD);

async function select(url: string, sql = 'SELECT 1 AS value'): Promise<unknown> {
  const pool = createPool(url, { max: 1, applicationName: 'detoxq-test' });
  onTestFinished(() => pool.close());
  const [row] = await pool.query<{ value: unknown }>(sql);
  return row?.value;
}

test('a password with every odd character works when it is encoded', async () => {
  expect(await select(`postgres://detoxq:${encoded}@${place}/postgres`)).toBe(1);
  expect(await select(`postgres://${place}/postgres?user=detoxq&password=${encoded}`)).toBe(1);
});

test.each([
  ['no password', 'detoxq', 'postgres', 'it asks for a password, and the address has no password'],
  ['a wrong password', 'detoxq:hunter3', 'postgres', 'user or password is wrong'],
  ['an unknown user', `hunter3:${encoded}`, 'postgres', 'user or password is wrong'],
  ['an unknown database', `detoxq:${encoded}`, 'elsewhere', 'that database does not exist'],
])('%s is one sentence, from the pool and from the queue', async (_, credentials, database, expected) => {
  const url = `postgres://${credentials}@${place}/${database}`;
  const { log } = createTestLog();
  for (const work of [() => select(url), () => createPostgresQueue({ url, name: 'authentication', log })]) {
    const error: unknown = await work().catch((reason: unknown) => reason);
    expect(error).toBeInstanceOf(ServiceError);
    expect((error as Error).message).toContain(`Postgres at ${place}/${database} cannot be used: ${expected}`);
    expect(String((error as Error).message)).not.toMatch(/hunter|SASL/);
    expect(JSON.stringify([error, (error as Error).cause])).not.toContain(encoded);
  }
});

test('a password file that does not help is named', async () => {
  const [missing, other] = [join(folder, 'missing'), join(folder, 'other')];
  writeFileSync(other, 'elsewhere:*:*:*:wrong\n', { mode: 0o600 });
  for (const [file, why] of [
    [missing, 'does not exist'],
    [other, 'has no line that fits'],
  ]) {
    const { databaseUrl } = readConfig({ DATABASE_URL: `postgres://detoxq@${place}/postgres?passfile=${file}` });
    await expect(select(databaseUrl ?? '')).rejects.toThrow(`The password file ${file} ${why}`);
  }
});

test('PGPASSWORD, or else a password file, adds a password to an address that has none', async () => {
  const file = join(folder, 'pgpass');
  const escaped = PASSWORD.replaceAll('\\', '\\\\');
  writeFileSync(file, `# hosts\nelsewhere:*:*:*:wrong\n127.0.0.1:*:postgres:detoxq:${escaped}\n`, { mode: 0o600 });
  const DATABASE_URL = `postgres://detoxq@${place}/postgres`;
  const withFile = readConfig({ DATABASE_URL, PGPASSFILE: file });
  const withBoth = readConfig({ DATABASE_URL, PGPASSFILE: file, PGPASSWORD: 'hunter3' });
  expect(await select(withFile.databaseUrl ?? '')).toBe(1);
  expect(await select(readConfig({ DATABASE_URL, PGPASSWORD: PASSWORD }).databaseUrl ?? '')).toBe(1);
  await expect(select(withBoth.databaseUrl ?? '')).rejects.toThrow(/user or password is wrong: .*check PGPASSWORD/);
  // What the address says counts.
  const own = readConfig({ DATABASE_URL: `postgres://detoxq:${encoded}@${place}/postgres`, PGPASSWORD: 'hunter3' });
  expect(await select(own.databaseUrl ?? '')).toBe(1);
  chmodSync(file, 0o644);
  await expect(select(withFile.databaseUrl ?? '')).rejects.toThrow('others may read it');
  const missing = readConfig({ DATABASE_URL, PGPASSFILE: join(folder, 'none') });
  await expect(select(missing.databaseUrl ?? '')).rejects.toThrow('the address has no password');
});

/** A shell that is set up for another database. */
const OTHER_SHELL = {
  PGHOST: 'nonexistent.invalid',
  PGPORT: '1',
  PGUSER: 'stranger',
  PGDATABASE: 'elsewhere',
  PGSSLMODE: 'require',
  PGSSLNEGOTIATION: 'direct',
  PGSSLROOTCERT: '/nonexistent.pem',
  PGOPTIONS: '-c search_path=elsewhere -c default_transaction_read_only=on',
  PGAPPNAME: 'stranger',
  PGCLIENTENCODING: 'LATIN1',
  PGDATA: '/nonexistent',
};

test('no other variable of libpq counts, for Postgres of your own and for the embedded one', {
  timeout: 120_000,
}, async () => {
  const external = { ...OTHER_SHELL, DATABASE_URL: `postgres://detoxq:${encoded}@${place}/postgres` };
  const embedded = { ...OTHER_SHELL, PGPASSWORD: 'hunter3', DETOXQ_HOME: join(folder, 'home') };
  onTestFinished(async () => {
    await runCli(['services', 'stop'], embedded);
  });
  expect(await runCli(['migrate'], external)).toMatchObject({ code: 0 });
  expect(await runCli(['services', 'start'], embedded)).toMatchObject({ code: 0 });
  const sql = "SELECT current_setting('default_transaction_read_only') || current_user AS value";
  for (const env of [external, embedded]) {
    expect(await runCli(['status'], env)).toMatchObject({ code: 0 });
  }
  for (const [name, value] of Object.entries(OTHER_SHELL)) {
    const before = process.env[name];
    process.env[name] = value;
    onTestFinished(() => {
      if (before === undefined) delete process.env[name];
      else process.env[name] = before;
    });
  }
  expect(await select(external.DATABASE_URL, sql)).toBe('offdetoxq');
  const { log } = createTestLog();
  const queue = await createPostgresQueue({ url: external.DATABASE_URL, name: 'variables', log });
  expect(await queue.depth()).toBe(0);
  await queue.close();
});

test('settings of the session in an address reach the pool and the queue', async () => {
  const url = `postgres://detoxq:${encoded}@${place}/postgres?options=-c%20statement_timeout%3D12345&application_name=mine`;
  expect(await select(url, "SELECT current_setting('statement_timeout') AS value")).toBe('12345ms');
  expect(await select(url, "SELECT current_setting('application_name') AS value")).toBe('mine');
  const { log } = createTestLog();
  const queue = await createPostgresQueue({ url, name: 'settings', log });
  expect(await queue.depth()).toBe(0);
  await queue.close();
});
