import { cp, mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, beforeEach, expect, onTestFinished, test } from 'vitest';
import { DetoxqError } from '../../src/contract/errors.ts';
import { migrate, requireCurrentSchema } from '../../src/store/migrate.ts';
import { createTestDatabase, type TestDatabase } from '../support/database.ts';
import { dumpSchema } from '../support/schema-dump.ts';

const OURS = new URL('../../migrations', import.meta.url);

let folder: string;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'detoxq-migrations-'));
});
beforeEach(async () => {
  await rm(folder, { recursive: true });
  await cp(OURS, folder, { recursive: true });
});
afterAll(() => rm(folder, { recursive: true }));

async function emptyDatabase(): Promise<TestDatabase> {
  const fixture = await createTestDatabase({ schema: false });
  onTestFinished(() => fixture.drop());
  return fixture;
}

test('an empty database gets the schema that schema.sql shows', async () => {
  const { database } = await emptyDatabase();
  await expect(requireCurrentSchema(database)).rejects.toMatchObject({ name: 'ServiceError', code: 'schema_missing' });
  expect(await migrate(database)).toContain('001_initial');
  await requireCurrentSchema(database);
  // `npx vitest run test/integration/store-migrate.test.ts -u` writes it after a new migration.
  await expect(await dumpSchema(database)).toMatchFileSnapshot('../../schema.sql');
});

test('a second time does nothing, and several at once do it once', async () => {
  const fixture = await emptyDatabase();
  const applied = await Promise.all([1, 2, 3, 4].map(() => migrate(fixture.connect())));
  expect(applied.filter((names) => names.length > 0)).toEqual([expect.arrayContaining(['001_initial'])]);
  expect(await migrate(fixture.database)).toEqual([]);
});

test('a new migration is applied alone, and until then a worker is told so', async () => {
  const { database } = await emptyDatabase();
  await migrate(database, folder);
  await addMigration('CREATE TABLE later (id integer); CREATE INDEX ON later (id);');
  await expect(requireCurrentSchema(database, folder)).rejects.toMatchObject({ code: 'schema_outdated' });
  expect(await migrate(database, folder)).toEqual([expect.stringMatching(/_later$/)]);
  await database.query('SELECT id FROM later');
});

test('a migration that fails leaves nothing of itself', async () => {
  const { database } = await emptyDatabase();
  await migrate(database, folder);
  await addMigration('CREATE TABLE later (id integer); SELECT 1 / 0;');
  await expect(migrate(database, folder)).rejects.toThrow(DetoxqError);
  await expect(database.query('SELECT id FROM later')).rejects.toThrow('later');
  await requireCurrentSchema(database);
});

test('a schema newer than the program is refused', async () => {
  const { database } = await emptyDatabase();
  await addMigration('SELECT 1;');
  await migrate(database, folder);
  await expect(migrate(database)).rejects.toThrow('upgrade detoxq');
  await expect(requireCurrentSchema(database)).rejects.toThrow('upgrade detoxq');
});

test('a migration that was changed after it was applied is refused; other line ends are no change', async () => {
  const { database } = await emptyDatabase();
  await migrate(database, folder);
  const file = join(folder, '001_initial.sql');
  const sql = await readFile(file, 'utf8');
  await writeFile(file, sql.replaceAll('\n', '\r\n'));
  expect(await migrate(database, folder)).toEqual([]);
  await writeFile(file, `${sql}-- changed\n`);
  await expect(migrate(database, folder)).rejects.toThrow(
    '001_initial.sql is not what this database was migrated with',
  );
});

async function addMigration(sql: string): Promise<void> {
  const count = (await readdir(folder)).length;
  await writeFile(join(folder, `${String(count + 1).padStart(3, '0')}_later.sql`), sql);
}
