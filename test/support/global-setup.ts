import { mkdtempSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Log } from '../../src/contract/log.ts';
import { leaseServices } from '../../src/services/lease.ts';

/** Tells what goes wrong and nothing else. */
const log: Log = {
  debug() {},
  info() {},
  warn: (fields, message) => console.warn(message, fields),
  error: (fields, message) => console.error(message, fields),
};

/**
 * Services of the test run: `DATABASE_URL` and `REDIS_URL` where they are set, else embedded ones in a temporary home.
 * Tests find them in the same two variables (test/support/services.ts).
 */
export async function setup(): Promise<(() => Promise<void>) | undefined> {
  const { DATABASE_URL, REDIS_URL, PATH = '' } = process.env;
  const needs = { postgres: !DATABASE_URL, redis: !REDIS_URL };
  if (!needs.postgres && !needs.redis) return undefined;
  const home = mkdtempSync(join(tmpdir(), 'services-'));
  const lease = await leaseServices({ home, path: PATH, needs, log });
  if (lease.databaseUrl !== null) process.env.DATABASE_URL = lease.databaseUrl;
  if (lease.redisUrl !== null) process.env.REDIS_URL = lease.redisUrl;
  else if (needs.redis) {
    // A third of the tests, those of faults among them, would be skipped without a sign.
    if (process.env.CI) {
      await lease.release();
      throw new Error('CI needs Redis: set REDIS_URL, or put redis-server (6.2 or newer) or valkey-server on PATH.');
    }
    console.warn(
      'Tests that need Redis are skipped: REDIS_URL is not set, and PATH has no redis-server (6.2 or newer) or valkey-server.',
    );
  }
  return () => lease.release();
}
