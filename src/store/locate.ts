import { createHash } from 'node:crypto';
import { DetoxqError, UsageError } from '../contract/errors.ts';
import type { Connection, Database } from './database.ts';
import { quoteIdentifier } from './in-schema.ts';
import { DEFAULT_SCHEMA } from './pool.ts';

const OLDEST_SERVER = 150_000;
/** Where the tables were before they had a schema of their own. */
const FORMER_SCHEMA = 'public';

export interface Place {
  /** Where the tables of this installation are, or will be. */
  readonly schema: string;
  /** Whether they are there. */
  readonly found: boolean;
  /** Other schemas of the database that hold tables of detoxq. */
  readonly others: readonly string[];
}

interface Server {
  readonly number: number;
  readonly version: string;
  readonly encoding: string;
  readonly database: string;
  /** Schemas that unqualified names are looked for in; those that do not exist are left out. */
  readonly path: readonly string[];
  readonly installations: readonly string[];
  readonly settingIsKeyword: boolean;
}

/**
 * Finds the schema of the installation that a database holds: the one that is set; else one with tables of detoxq that
 * connections see (`public`, of earlier versions); else `detoxq`.
 *
 * @param setting `DETOXQ_SCHEMA`
 * @throws DetoxqError for a server or a database that cannot be used; UsageError when the schema has to be set
 */
export async function locateSchema(connection: Connection, setting: string | undefined): Promise<Place> {
  const server = await readServer(connection, setting);
  requireUsable(server);
  if (server.settingIsKeyword) {
    throw new UsageError(
      `DETOXQ_SCHEMA is ${setting}, a word of SQL that every query would have to quote: use another name`,
    );
  }
  const { path, installations } = server;
  const schema = setting ?? path.find((name) => installations.includes(name)) ?? DEFAULT_SCHEMA;
  const others = installations.filter((name) => name !== schema);
  if (setting === undefined && schema !== DEFAULT_SCHEMA && others.includes(DEFAULT_SCHEMA)) {
    throw new UsageError(
      `the database ${server.database} holds two installations, in the schemas ${schema} and ${DEFAULT_SCHEMA}: ` +
        'DETOXQ_SCHEMA says which one is meant',
    );
  }
  return { schema, found: installations.includes(schema), others };
}

/** @throws DetoxqError when detoxq cannot work with this server, or with this database */
export async function requireServer(connection: Connection): Promise<void> {
  requireUsable(await readServer(connection, undefined));
}

function requireUsable({ number, version, encoding, database }: Server): void {
  if (number < OLDEST_SERVER) throw new DetoxqError(`this is Postgres ${version}: detoxq needs Postgres 15 or newer`);
  if (encoding === 'UTF8') return;
  throw new DetoxqError(
    `the database ${database} has the encoding ${encoding}, and only UTF8 can hold every text: make another one ` +
      `(CREATE DATABASE detoxq_utf8 TEMPLATE template0 ENCODING 'UTF8' LOCALE 'C') and put its name into DATABASE_URL`,
  );
}

async function readServer(connection: Connection, setting: string | undefined): Promise<Server> {
  const [server] = await connection.query<Server>(
    `SELECT current_setting('server_version_num')::integer AS number, current_setting('server_version') AS version,
       current_setting('server_encoding') AS encoding, current_database()::text AS database,
       current_schemas(false)::text[] AS path, quote_ident($1) <> $1 AS "settingIsKeyword",
       ARRAY(
         SELECT nspname::text FROM pg_catalog.pg_class JOIN pg_catalog.pg_namespace ON pg_namespace.oid = relnamespace
         WHERE relname = 'detoxq_migrations' AND relkind = 'r' ORDER BY nspname <> $2, nspname
       ) AS installations`,
    [setting ?? null, FORMER_SCHEMA],
  );
  if (server === undefined) throw new Error('a query without tables gave no row');
  return server;
}

/**
 * Where another installation can be made: `wanted`, unless something is in it; else the first of `detoxq`, `detoxq_2`, … that
 * does not exist.
 */
export async function freeSchema(connection: Connection, wanted: string): Promise<string> {
  const taken = await connection.query<{ name: string; empty: boolean }>(
    `SELECT nspname::text AS name, NOT EXISTS (
       SELECT FROM pg_catalog.pg_depend
       WHERE refclassid = 'pg_catalog.pg_namespace'::pg_catalog.regclass AND refobjid = pg_namespace.oid
     ) AS empty
     FROM pg_catalog.pg_namespace`,
  );
  const there = new Map(taken.map(({ name, empty }) => [name, empty]));
  if (there.get(wanted) !== false) return wanted;
  let free: string = DEFAULT_SCHEMA;
  for (let number = 2; there.has(free); number += 1) free = `${DEFAULT_SCHEMA}_${number}`;
  return free;
}

/** How people name the table of results: without a schema where it has none of its own. */
export function resultsTable(schema: string): string {
  if (schema === FORMER_SCHEMA) return 'results';
  return `${/^[a-z_][a-z0-9_]*$/.test(schema) ? schema : quoteIdentifier(schema)}.results`;
}

interface Installation {
  /** Ten letters that belong to this installation alone: the same in every process that works on it. */
  readonly id: string;
  /** For people: database and schema. */
  readonly title: string;
}

/** Tells the installations apart that share a Redis. The tables must be there. */
export async function readInstallation(database: Database): Promise<Installation> {
  const [row] = await database.query<{ name: string; since: string }>(
    `SELECT current_database()::text AS name, extract(epoch FROM applied_at)::text AS since
     FROM detoxq.detoxq_migrations ORDER BY version LIMIT 1`,
  );
  if (row === undefined) throw new Error('a current schema has a first migration');
  const identity = JSON.stringify([row.name, database.schema, row.since]);
  return {
    id: createHash('sha256').update(identity).digest('hex').slice(0, 10),
    title: `database ${row.name}, schema ${database.schema}`,
  };
}
