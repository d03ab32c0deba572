/** The services of this test run, as `global-setup.ts` found or started them. */

/** Postgres for tests: the server's own database. Make one for yourself (database.ts). */
export function databaseUrl(): string {
  const url = process.env.DATABASE_URL;
  if (!url) throw new Error('This test needs Postgres: put it in test/integration or test/e2e, where one is started.');
  return url;
}

/** Null when there is none on this machine: use it with `describe.skipIf(redisUrl === null)`. */
export const redisUrl: string | null = process.env.REDIS_URL || null;

/** For the name of a skipped suite: `describe.skipIf(redisUrl === null)(withRedis('queue'), …)`. */
export function withRedis(name: string): string {
  return redisUrl === null ? `${name} (skipped: no REDIS_URL, and no redis-server or valkey-server on PATH)` : name;
}
