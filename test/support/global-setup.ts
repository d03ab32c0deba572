import { mkdtempSync, readdirSync, rmSync, statSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Log } from '../../src/contract/log.ts';
import { leaseServices, servicesStatus } from '../../src/services/lease.ts';

const PREFIX = 'detoxq-test-services-';

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
  await removeAbandoned();
  const home = mkdtempSync(join(tmpdir(), PREFIX));
  const lease = await leaseServices({ home, path: PATH, needs, log });
  if (lease.databaseUrl !== null) process.env.DATABASE_URL = lease.databaseUrl;
  if (lease.redisUrl !== null) process.env.REDIS_URL = lease.redisUrl;
  else if (needs.redis) {
    console.warn(
      'Tests that need Redis are skipped: REDIS_URL is not set, and PATH has no redis-server (6.2 or newer) or valkey-server.',
    );
  }
  return async () => {
    await lease.release();
    rmSync(home, { recursive: true, force: true });
  };
}

/** Homes of test runs that were killed: their services have ended by themselves, their folders have not. */
async function removeAbandoned(): Promise<void> {
  for (const name of readdirSync(tmpdir()).filter((entry) => entry.startsWith(PREFIX))) {
    const home = join(tmpdir(), name);
    const found = statSync(home, { throwIfNoEntry: false });
    // A young one may be starting.
    if (found === undefined || found.uid !== process.getuid?.() || Date.now() - found.mtimeMs < 600_000) continue;
    if ((await servicesStatus(home)) === null) rmSync(home, { recursive: true, force: true });
  }
}
