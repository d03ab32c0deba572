import type { Connection, Database } from './database.ts';
import { DEFAULT_SCHEMA } from './pool.ts';

const OUR_TABLES = new RegExp(`\\b${DEFAULT_SCHEMA}\\.(?=[a-z])`, 'g');

/**
 * The same connections for the tables of another schema. Only SQL that stands in the program comes here: what a user
 * wrote travels as a value (`read-only-query.ts`).
 */
export function inSchema(database: Database, schema: string): Database {
  if (schema === database.schema) return database;
  const prefix = `${quoteIdentifier(schema)}.`;
  const placed = (connection: Connection): Connection => ({
    query: (text, values) =>
      connection.query(
        text.replaceAll(OUR_TABLES, () => prefix),
        values,
      ),
  });
  return {
    ...database,
    ...placed(database),
    schema,
    transaction: (work) => database.transaction((connection) => work(placed(connection))),
    rolledBack: (work, signal) => database.rolledBack((connection) => work(placed(connection)), signal),
  };
}

export function quoteIdentifier(name: string): string {
  return `"${name.replaceAll('"', '""')}"`;
}

/** Puts the schema first on the search path of this transaction, for SQL that names no schema. */
export async function searchSchema(connection: Connection, schema: string): Promise<void> {
  await connection.query(
    `SELECT pg_catalog.set_config('search_path',
       pg_catalog.concat_ws(', ', $1::text, nullif(pg_catalog.current_setting('search_path'), '')), true)`,
    [quoteIdentifier(schema)],
  );
}
