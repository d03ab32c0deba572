import { createHash } from 'node:crypto';
import { readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { DetoxqError, ServiceError } from '../contract/errors.ts';
import type { Connection, Database } from './database.ts';
import { quoteIdentifier } from './in-schema.ts';
import { freeSchema, requireServer } from './locate.ts';
import { patientDatabase } from './patience.ts';
import { sqlState } from './postgres-errors.ts';

const MIGRATIONS = fileURLToPath(new URL('../../migrations', import.meta.url));
/** A number that no other program on the same database should use; it spells `detoxq`. */
const LOCK_KEY = 0x6465_746f_7871;
const UNDEFINED_TABLE = '42P01';
const INSUFFICIENT_PRIVILEGE = '42501';
/** A table, a function, a type or a constraint of that name is there already. */
const DUPLICATES = ['42P07', '42723', '42710'];

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
 * Brings the schema up to date, in one transaction under an advisory lock. So a migration is applied as a whole or not at
 * all, and several processes may call it at once.
 *
 * @param database the tables go to its schema, which is made when it is not there
 * @param folder with files `NNN_name.sql`; ours by default
 * @returns names of the migrations applied now
 * @throws DetoxqError when an applied file was changed since, the schema is newer than this detoxq, holds something else, or
 *   may not be made by this user
 */
export async function migrate(database: Database, folder: string = MIGRATIONS): Promise<string[]> {
  const migrations = await readMigrations(folder);
  return patientDatabase(database).transaction(async (connection) => {
    await requireServer(connection);
    await connection.query('SELECT pg_advisory_xact_lock($1)', [LOCK_KEY]);
    // Looked up now, since a failed transaction runs no further query.
    const free = await freeSchema(connection, database.schema);
    await makeSchema(connection, database.schema);
    // Migrations name no schema, so that they work in every one.
    await connection.query(`SET LOCAL search_path = ${quoteIdentifier(database.schema)}`);
    await connection.query(`
      CREATE TABLE IF NOT EXISTS detoxq.detoxq_migrations (
        version integer PRIMARY KEY,
        name text NOT NULL,
        sha256 text NOT NULL,
        applied_at timestamptz NOT NULL DEFAULT now()
      )`);
    const pending = pendingMigrations(migrations, await readApplied(connection));
    for (const { version, name, sql, sha256 } of pending) {
      await connection.query(sql).catch((error) => {
        throw DUPLICATES.includes(sqlState(error)) ? notOurs(database.schema, free, error) : error;
      });
      await connection.query('INSERT INTO detoxq.detoxq_migrations (version, name, sha256) VALUES ($1, $2, $3)', [
        version,
        name,
        sha256,
      ]);
    }
    return pending.map((migration) => migration.name);
  });
}

async function makeSchema(connection: Connection, schema: string): Promise<void> {
  const [place] = await connection.query<{ mayUse: boolean | null; database: string; user: string }>(
    `SELECT has_schema_privilege(oid, 'USAGE') AND has_schema_privilege(oid, 'CREATE') AS "mayUse",
       quote_ident(current_database()) AS database, quote_ident(current_user) AS user
     FROM (SELECT) AS one LEFT JOIN pg_namespace ON nspname = $1`,
    [schema],
  );
  if (place === undefined) throw new Error('an outer join to one row gave none');
  const { mayUse, database, user } = place;
  const name = quoteIdentifier(schema);
  if (mayUse === false) {
    throw new DetoxqError(
      `the user ${user} may not make tables in the schema ${schema}, which belongs to another user. ` +
        `Its owner can allow it (GRANT USAGE, CREATE ON SCHEMA ${name} TO ${user};), or DETOXQ_SCHEMA names another schema`,
    );
  }
  if (mayUse) return;
  try {
    await connection.query(`CREATE SCHEMA ${name}`);
  } catch (error) {
    if (sqlState(error) !== INSUFFICIENT_PRIVILEGE) throw error;
    throw new DetoxqError(
      `the user ${user} may not make the schema ${schema} in the database ${database}. The owner of the database can make it ` +
        `(CREATE SCHEMA ${name} AUTHORIZATION ${user};), or DETOXQ_SCHEMA names one where this user may make tables`,
      { cause: error },
    );
  }
}

function notOurs(schema: string, free: string, cause: unknown): DetoxqError {
  const said =
    cause instanceof Error && cause.cause instanceof Error ? cause.cause.message : 'something is there already';
  return new DetoxqError(
    `the schema ${schema} holds something of another program (${said}), and detoxq does not touch it: ` +
      `set DETOXQ_SCHEMA to a schema of its own, such as DETOXQ_SCHEMA=${free}`,
    { cause },
  );
}

/** In Postgres's words. */
function reasonOf(error: unknown): string {
  return error instanceof Error && error.cause instanceof Error ? error.cause.message : String(error);
}

/**
 * Checks the schema, for programs that must not change it.
 * @throws ServiceError when migrations are still to be run; DetoxqError as `migrate` does
 */
export async function requireCurrentSchema(connection: Connection, folder: string = MIGRATIONS): Promise<void> {
  const migrations = await readMigrations(folder);
  const applied = await readApplied(connection).catch((error) => {
    if (sqlState(error) === UNDEFINED_TABLE) return [];
    if (sqlState(error) !== INSUFFICIENT_PRIVILEGE) throw error;
    throw new DetoxqError(
      `this user may not read the tables of detoxq (${reasonOf(error)}): their owner gives the user one of the roles (SECURITY.md)`,
      { cause: error, code: 'rights_missing', data: {} },
    );
  });
  if (pendingMigrations(migrations, applied).length === 0) return;
  throw applied.length === 0
    ? new ServiceError('this database has no detoxq schema yet', { code: 'schema_missing', data: {} })
    : new ServiceError('the schema of this database is older than this detoxq', { code: 'schema_outdated', data: {} });
}

/** The version of the schema that this detoxq has: the number of its migrations. */
export async function knownSchema(folder: string = MIGRATIONS): Promise<number> {
  return (await readMigrations(folder)).length;
}

/**
 * Asked while programs run, since a newer version may migrate the schema meanwhile.
 * @returns the newest migration that is beyond `known`; null where there is none
 */
export async function newerSchema(connection: Connection, known: number): Promise<string | null> {
  const [newest] = await connection.query<{ name: string }>(
    'SELECT name FROM detoxq.detoxq_migrations WHERE version > $1 ORDER BY version DESC LIMIT 1',
    [known],
  );
  return newest?.name ?? null;
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

function readApplied(connection: Connection): Promise<Applied[]> {
  return connection.query<Applied>('SELECT version, name, sha256 FROM detoxq.detoxq_migrations ORDER BY version');
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
