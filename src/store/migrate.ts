import { createHash } from 'node:crypto';
import { readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { DetoxqError, ServiceError } from '../contract/errors.ts';
import type { Connection, Database } from './pool.ts';
import { sqlState } from './postgres-errors.ts';

const MIGRATIONS = fileURLToPath(new URL('../../migrations', import.meta.url));
const OLDEST_SERVER = 150_000;
/** Any number that no other program on the same database uses; spells `detoxq`. */
const LOCK_KEY = 0x6465_746f_7871;
const UNDEFINED_TABLE = '42P01';

interface Migration {
  /** 1, 2, … without gaps, from the file's name. */
  readonly version: number;
  readonly name: string;
  readonly sql: string;
  readonly sha256: string;
}

interface Applied {
  readonly version: number;
  readonly name: string;
  readonly sha256: string;
}

/**
 * Brings the schema up to date: one transaction under an advisory lock, so that it is all there or not at all and
 * several at once are safe.
 *
 * @param folder with files `NNN_name.sql`; ours by default
 * @returns names of the migrations applied now
 * @throws DetoxqError when an applied file was changed since, or the schema is newer than this detoxq
 */
export async function migrate(database: Database, folder: string = MIGRATIONS): Promise<string[]> {
  const migrations = await readMigrations(folder);
  return database.transaction(async (connection) => {
    await requireServer(connection);
    await connection.query('SELECT pg_advisory_xact_lock($1)', [LOCK_KEY]);
    await connection.query(`
      CREATE TABLE IF NOT EXISTS detoxq_migrations (
        version integer PRIMARY KEY,
        name text NOT NULL,
        sha256 text NOT NULL,
        applied_at timestamptz NOT NULL DEFAULT now()
      )`);
    const pending = pendingMigrations(migrations, await readApplied(connection));
    for (const { version, name, sql, sha256 } of pending) {
      await connection.query(sql);
      await connection.query('INSERT INTO detoxq_migrations (version, name, sha256) VALUES ($1, $2, $3)', [
        version,
        name,
        sha256,
      ]);
    }
    return pending.map((migration) => migration.name);
  });
}

/**
 * For whoever needs the schema but must not change it.
 * @throws ServiceError when migrations are still to be run; DetoxqError as `migrate` does
 */
export async function requireCurrentSchema(connection: Connection, folder: string = MIGRATIONS): Promise<void> {
  const migrations = await readMigrations(folder);
  const applied = await readApplied(connection).catch((error) => {
    if (sqlState(error) === UNDEFINED_TABLE) return [];
    throw error;
  });
  if (pendingMigrations(migrations, applied).length === 0) return;
  throw new ServiceError(
    applied.length === 0
      ? 'this database has no detoxq schema yet: run `detoxq migrate`'
      : 'the schema of this database is older than this detoxq: run `detoxq migrate`',
  );
}

async function readMigrations(folder: string): Promise<Migration[]> {
  const names = (await readdir(folder)).filter((name) => name.endsWith('.sql')).sort();
  return Promise.all(
    names.map(async (file, index) => {
      const version = Number.parseInt(file, 10);
      if (version !== index + 1) throw new DetoxqError(`migrations/${file}: migration ${index + 1} is missing`);
      // A checkout may have rewritten the line ends.
      const sql = (await readFile(join(folder, file), 'utf8')).replaceAll('\r\n', '\n');
      return {
        version,
        name: file.slice(0, -'.sql'.length),
        sql,
        sha256: createHash('sha256').update(sql).digest('hex'),
      };
    }),
  );
}

async function requireServer(connection: Connection): Promise<void> {
  const [server] = await connection.query<{ number: number; version: string }>(
    "SELECT current_setting('server_version_num')::integer AS number, current_setting('server_version') AS version",
  );
  if (server !== undefined && server.number >= OLDEST_SERVER) return;
  throw new DetoxqError(`this is Postgres ${server?.version}: detoxq needs Postgres 15 or newer`);
}

function readApplied(connection: Connection): Promise<Applied[]> {
  return connection.query<Applied>('SELECT version, name, sha256 FROM detoxq_migrations ORDER BY version');
}

function pendingMigrations(migrations: readonly Migration[], applied: readonly Applied[]): Migration[] {
  const newer = applied.find(({ version }) => version > migrations.length);
  if (newer !== undefined) {
    throw new DetoxqError(
      `the schema of this database is newer than this detoxq (it has ${newer.name}): upgrade detoxq`,
    );
  }
  for (const { version, name, sha256 } of applied) {
    const migration = migrations[version - 1];
    if (migration?.sha256 === sha256) continue;
    throw new DetoxqError(
      `migrations/${migration?.name}.sql is not what this database was migrated with (${name}): ` +
        'restore that file and put the change into a new migration',
    );
  }
  return migrations.slice(applied.length);
}
