import { randomBytes } from 'node:crypto';
import type { Database } from '../../src/store/database.ts';
import { migrate } from '../../src/store/migrate.ts';
import { createPool, DEFAULT_SCHEMA } from '../../src/store/pool.ts';

export interface ScratchDatabase {
  /** Also good as the name of a queue that belongs to it. */
  readonly name: string;
  readonly url: string;
  readonly database: Database;
  drop(): Promise<void>;
}

/** A database of its own, with the schema, on a server that is there. */
export async function createScratchDatabase(serverUrl: string, maxConnections: number): Promise<ScratchDatabase> {
  const name = `detoxq_bench_${randomBytes(4).toString('hex')}`;
  const server = createPool(serverUrl, { max: 1, applicationName: 'detoxq-bench' });
  await server.query(`CREATE DATABASE ${name} TEMPLATE template0`);
  // For SQL of benchmarks, which names no schema.
  await server.query(`ALTER DATABASE ${name} SET search_path = ${DEFAULT_SCHEMA}, public`);
  const url = new URL(serverUrl);
  url.pathname = `/${name}`;
  const database = createPool(url.href, { max: maxConnections, applicationName: 'detoxq-bench' });
  await migrate(database);
  return {
    name,
    url: url.href,
    database,
    async drop() {
      await database.close();
      await server.query(`DROP DATABASE ${name} WITH (FORCE)`);
      await server.close();
    },
  };
}
