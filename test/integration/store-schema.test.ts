import { randomBytes } from 'node:crypto';
import { readdirSync, readFileSync } from 'node:fs';
import { afterAll, expect, onTestFinished, test } from 'vitest';
import { DetoxqError, UsageError } from '../../src/contract/errors.ts';
import type { Database } from '../../src/store/database.ts';
import { deleteRun } from '../../src/store/delete.ts';
import { inSchema } from '../../src/store/in-schema.ts';
import { freeSchema, locateSchema, readInstallation, resultsTable } from '../../src/store/locate.ts';
import { migrate, requireCurrentSchema } from '../../src/store/migrate.ts';
import { createPool } from '../../src/store/pool.ts';
import { readSummary } from '../../src/store/progress.ts';
import { readOnlyQuery } from '../../src/store/read-only-query.ts';
import { createRun, listRuns } from '../../src/store/runs.ts';
import { verifyRun } from '../../src/store/verify.ts';
import { runCli } from '../support/cli.ts';
import { createTestDatabase, onServer, type TestDatabase } from '../support/database.ts';
import { finishedRun, SETTINGS } from '../support/ledger.ts';

const SOURCE = { files: [], options: {} };
const madeRoles: string[] = [];
afterAll(async () => {
  for (const role of madeRoles) await onServer(`DROP ROLE IF EXISTS ${role}`);
});

/** A database in which nothing but `public` is on the search path. */
async function plainDatabase(encoding?: string): Promise<TestDatabase> {
  const fixture = await createTestDatabase({ schema: false, plain: true, ...(encoding && { encoding }) });
  onTestFinished(() => fixture.drop());
  return fixture;
}

/** A pool of a user who owns nothing. */
async function stranger(fixture: TestDatabase): Promise<{ name: string; pool: Database }> {
  const name = `schema_test_${randomBytes(4).toString('hex')}`;
  await onServer(`CREATE ROLE ${name} LOGIN PASSWORD 'secret'`);
  madeRoles.push(name);
  const url = new URL(fixture.url);
  url.username = name;
  url.password = 'secret';
  const pool = createPool(url.href, { max: 1, applicationName: 'schema-test' });
  onTestFinished(() => pool.close());
  return { name, pool };
}

async function rowsOf(database: Database, sql: string): Promise<unknown[]> {
  const rows: unknown[] = [];
  await readOnlyQuery(database, sql, (lines) => void rows.push(...lines.map((line) => JSON.parse(line))));
  return rows;
}

test('every statement names the schema of our tables', () => {
  const folder = new URL('../../src/store/', import.meta.url);
  const tables =
    'runs|chunks|models|results|row_errors|workers|suspect_slices|run_progress|detox_pairs|detoxq_migrations';
  const ours = new RegExp(
    `\\b(?:(?:FROM|JOIN|INTO|UPDATE|USING|ONLY|EXISTS) (?:${tables})\\b|ON (?:${tables})(?: TO|,))`,
    'g',
  );
  for (const file of readdirSync(folder)) {
    const code = readFileSync(new URL(file, folder), 'utf8').replaceAll(/^\s*(?:\*|\/\/).*$/gm, '');
    expect(code.match(ours) ?? [], file).toEqual([]);
  }
});

test('beside tables of the same names, all of a run is in the schema of its own', async () => {
  const { database } = await plainDatabase();
  await database.query('CREATE TABLE runs (id integer)');
  await database.query('CREATE TABLE results (note text)');
  await database.query("INSERT INTO results VALUES ('of another program')");
  const place = await locateSchema(database, undefined);
  expect(place).toEqual({ schema: 'detoxq', found: false, others: [] });
  const ours = inSchema(database, place.schema);
  await migrate(ours);
  await requireCurrentSchema(ours);
  const { id } = await finishedRun(ours, 12, 4);
  expect(await verifyRun(ours, id)).toMatchObject({ holds: true, rowsTotal: 12 });
  expect((await readSummary(ours, id)).progress.rowsDone).toBe(12);
  expect(await rowsOf(ours, 'SELECT count(*) FROM results')).toEqual([{ count: 12 }]);
  expect(await rowsOf(ours, 'SELECT note FROM public.results')).toEqual([{ note: 'of another program' }]);
  const made = await database.query<{ schema: string }>(
    `SELECT DISTINCT relnamespace::regnamespace::text AS schema FROM pg_class WHERE relname = 'results_${id}'`,
  );
  expect(made).toEqual([{ schema: 'detoxq' }]);
  await deleteRun(ours, id);
  expect(await listRuns(ours, 1)).toEqual([]);
  expect(await locateSchema(database, undefined)).toEqual({ schema: 'detoxq', found: true, others: [] });
});

test('tables of another program in the schema that was named are not touched', async () => {
  const { database } = await plainDatabase();
  await database.query('CREATE TABLE runs (id integer)');
  const error = await migrate(inSchema(database, 'public')).catch((reason) => reason);
  expect(error).toBeInstanceOf(DetoxqError);
  expect(error.message).toMatch(/schema public holds something of another program .*"runs".* DETOXQ_SCHEMA=detoxq$/);
  expect(await database.query("SELECT to_regclass('detoxq_migrations') AS ledger")).toEqual([{ ledger: null }]);
});

test.each([
  ['detoxq', ['detoxq'], 'detoxq_2'],
  ['public', ['public', 'detoxq', 'detoxq_2'], 'detoxq_3'],
])("where the schema %s is another program's, one that is free is suggested", async (wanted, taken, free) => {
  const { database } = await plainDatabase();
  for (const schema of taken) {
    await database.query(`CREATE SCHEMA IF NOT EXISTS ${schema}`);
    await database.query(`CREATE TABLE ${schema}.runs (id integer)`);
  }
  await expect(migrate(inSchema(database, wanted))).rejects.toThrow(new RegExp(`such as DETOXQ_SCHEMA=${free}$`));
  await migrate(inSchema(database, free));
  expect(await freeSchema(database, 'elsewhere')).toBe('elsewhere');
  await database.query('CREATE SCHEMA elsewhere');
  expect(await freeSchema(database, 'elsewhere')).toBe('elsewhere');
});

test('status suggests a free schema for another installation', async () => {
  const { database, url } = await plainDatabase();
  await migrate(inSchema(database, 'team'));
  const env = { DATABASE_URL: url, REDIS_URL: 'redis://127.0.0.1:1' };
  expect((await runCli(['status'], env)).stderr).toContain('to make another one in detoxq, run `detoxq migrate`');
  await database.query('CREATE SCHEMA detoxq');
  await database.query('CREATE FUNCTION detoxq.f() RETURNS integer LANGUAGE sql AS $$SELECT 1$$');
  expect((await runCli(['status'], env)).stderr).toContain(
    'to make another one in detoxq_2, run `DETOXQ_SCHEMA=detoxq_2 detoxq migrate`',
  );
});

test('two installations in one database know nothing of each other', async () => {
  const { database } = await plainDatabase();
  const [one, two] = [inSchema(database, 'team_one'), inSchema(database, 'team_two')];
  await Promise.all([migrate(one), migrate(two)]);
  const first = await finishedRun(one, 8, 4);
  const second = await finishedRun(two, 6, 3);
  expect((await listRuns(one, 9)).map(({ id }) => id)).toEqual([first.id]);
  expect((await listRuns(two, 9)).map(({ id }) => id)).toEqual([second.id]);
  expect(await verifyRun(one, first.id)).toMatchObject({ holds: true, results: 8 });
  expect(await verifyRun(two, second.id)).toMatchObject({ holds: true, results: 6 });
  expect(await rowsOf(two, 'SELECT count(*) FROM results')).toEqual([{ count: 6 }]);
  await deleteRun(one, first.id);
  expect(await verifyRun(two, second.id)).toMatchObject({ holds: true });
  const ids = await Promise.all([one, two, one].map((each) => readInstallation(each)));
  expect(ids[0]).toEqual(ids[2]);
  expect(ids[0]?.id).not.toBe(ids[1]?.id);
  expect(await locateSchema(database, undefined)).toEqual({
    schema: 'detoxq',
    found: false,
    others: ['team_one', 'team_two'],
  });
});

test('an installation in public is found without a setting, and goes on', async () => {
  const { database } = await plainDatabase();
  const before = inSchema(database, 'public');
  await migrate(before);
  const run = await createRun(before, { name: null, source: SOURCE, settings: SETTINGS });
  const place = await locateSchema(database, undefined);
  expect(place).toEqual({ schema: 'public', found: true, others: [] });
  const found = inSchema(database, place.schema);
  expect(await migrate(found)).toEqual([]);
  expect((await listRuns(found, 1))[0]?.id).toBe(run.id);
  expect(resultsTable('public')).toBe('results');
  // A second one beside it: from then on the setting has to say which.
  await migrate(database);
  await expect(locateSchema(database, undefined)).rejects.toThrow(UsageError);
  await expect(locateSchema(database, undefined)).rejects.toThrow(/in the schemas public and detoxq: DETOXQ_SCHEMA/);
  expect(await locateSchema(database, 'public')).toMatchObject({ schema: 'public', others: ['detoxq'] });
  expect(await locateSchema(database, 'detoxq')).toMatchObject({ schema: 'detoxq', others: ['public'] });
});

test('a schema that is on the search path of the user is found, whatever it is called', async () => {
  const fixture = await plainDatabase();
  const name = 'Texts of "us"';
  await migrate(inSchema(fixture.database, name));
  await fixture.database.query(
    `DO $do$ BEGIN EXECUTE format('ALTER DATABASE %I SET search_path = %I', current_database(), '${name}'); END $do$`,
  );
  const pool = fixture.connect();
  const place = await locateSchema(pool, undefined);
  expect(place).toMatchObject({ schema: name, found: true });
  const found = inSchema(pool, place.schema);
  const { id } = await finishedRun(found, 4, 2);
  expect(await verifyRun(found, id)).toMatchObject({ holds: true });
  expect(await rowsOf(found, 'SELECT count(*) FROM results')).toEqual([{ count: 4 }]);
  expect(resultsTable(name)).toBe('"Texts of ""us""".results');
  await deleteRun(found, id);
});

test('a user who may not make the schema is told what its owner can run', async () => {
  const fixture = await plainDatabase();
  const { name, pool } = await stranger(fixture);
  await expect(migrate(pool)).rejects.toThrow(
    new RegExp(
      `user ${name} may not make the schema detoxq .*CREATE SCHEMA "detoxq" AUTHORIZATION ${name};.*DETOXQ_SCHEMA`,
    ),
  );
  await fixture.database.query('CREATE SCHEMA detoxq');
  await expect(migrate(pool)).rejects.toThrow(
    new RegExp(`may not make tables in the schema detoxq.*GRANT USAGE, CREATE ON SCHEMA "detoxq" TO ${name};`),
  );
  await fixture.database.query(`GRANT USAGE, CREATE ON SCHEMA detoxq TO ${name}`);
  expect(await migrate(pool)).toContain('001_initial');
  const { id } = await finishedRun(pool, 4, 2);
  expect(await verifyRun(pool, id)).toMatchObject({ holds: true });
});

test('a user without rights on the schema of an installation is told so', async () => {
  const fixture = await plainDatabase();
  await migrate(fixture.database);
  const { pool } = await stranger(fixture);
  await expect(requireCurrentSchema(pool)).rejects.toMatchObject({
    code: 'rights_missing',
    message: expect.stringContaining('permission denied for schema detoxq'),
  });
});

test.each(['LATIN1', 'SQL_ASCII'])('a database with the encoding %s is refused', async (encoding) => {
  const { database } = await plainDatabase(encoding);
  const advice = new RegExp(`has the encoding ${encoding}, .*CREATE DATABASE .* ENCODING 'UTF8' LOCALE 'C'`);
  await expect(locateSchema(database, undefined)).rejects.toThrow(advice);
  await expect(migrate(database)).rejects.toThrow(advice);
  expect(await database.query("SELECT 1 FROM pg_namespace WHERE nspname = 'detoxq'")).toEqual([]);
});

test('a word of SQL is no name of a schema', async () => {
  const { database } = await plainDatabase();
  await expect(locateSchema(database, 'user')).rejects.toThrow('DETOXQ_SCHEMA is user, a word of SQL');
});
