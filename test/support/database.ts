import { randomBytes } from 'node:crypto';
import type { Database } from '../../src/store/database.ts';
import { migrate } from '../../src/store/migrate.ts';
import { createPool, DEFAULT_SCHEMA } from '../../src/store/pool.ts';
import { databaseUrl } from './services.ts';

export interface TestDatabase {
  readonly url: string;
  readonly database: Database;
  /** Another pool on the same database, closed by `drop`. */
  connect(): Database;
  /** Ends whoever is still connected. */
  drop(): Promise<void>;
}

/**
 * A database of its own, with the current tables unless told otherwise. Made from `template0`, since connections of
 * others to `template1` would refuse it. SQL of tests finds our tables without their schema; `plain`: it does not.
 */
export async function createTestDatabase({
  schema = true,
  plain = false,
  encoding,
}: {
  schema?: boolean;
  plain?: boolean;
  encoding?: string;
} = {}): Promise<TestDatabase> {
  const name = `detoxq_test_${process.pid}_${randomBytes(4).toString('hex')}`;
  const url = new URL(databaseUrl());
  url.pathname = `/${name}`;
  const form = encoding === undefined ? '' : `ENCODING '${encoding}' LOCALE_PROVIDER libc LOCALE 'C'`;
  await onServer(`CREATE DATABASE ${name} TEMPLATE template0 ${form}`);
  await onServer(`ALTER DATABASE ${name} SET search_path = ${plain ? '' : `${DEFAULT_SCHEMA}, `}public`);
  const pools: Database[] = [];
  const connect = () => {
    const pool = createPool(url.href, { max: 4, applicationName: name });
    pools.push(pool);
    return pool;
  };
  const database = connect();
  if (schema) await migrate(database);
  return {
    url: url.href,
    database,
    connect,
    async drop() {
      await Promise.all(pools.map((pool) => pool.close()));
      await onServer(`DROP DATABASE ${name} WITH (FORCE)`);
    },
  };
}

/** Runs one statement in the server's own database. */
export async function onServer(statement: string): Promise<void> {
  const server = createPool(databaseUrl(), { max: 1, applicationName: 'detoxq-test' });
  try {
    await server.query(statement);
  } finally {
    await server.close();
  }
}
