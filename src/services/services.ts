import { type LeaseOptions, leaseServices } from './lease.ts';

/** Where Postgres and Redis are. */
export interface Services {
  readonly databaseUrl: string;
  /** Null: the queue lives in Postgres. */
  readonly redisUrl: string | null;
  readonly postgres: 'external' | 'embedded';
  readonly redis: 'external' | 'embedded' | 'none';
  /** Ends embedded services, unless another command in the same home uses them. */
  close(): Promise<void>;
}

interface ServicesOptions extends LeaseOptions {
  readonly databaseUrl?: string | undefined;
  readonly redisUrl?: string | undefined;
}

/**
 * The services that a command uses: those given, else embedded ones.
 *
 * | given | Postgres | Redis |
 * |---|---|---|
 * | both | external | external |
 * | neither | embedded | private one if a program is found, else none |
 * | Redis | embedded | external |
 * | Postgres | external | none: a queue that only this machine can see does not help a database that others share |
 */
export async function openServices(options: ServicesOptions): Promise<Services> {
  const { home, databaseUrl, redisUrl, path, log } = options;
  if (databaseUrl !== undefined) {
    return {
      databaseUrl,
      redisUrl: redisUrl ?? null,
      postgres: 'external',
      redis: redisUrl === undefined ? 'none' : 'external',
      async close() {},
    };
  }
  const needs = { postgres: true, redis: redisUrl === undefined };
  const lease = await leaseServices({ home, path, needs, log });
  if (lease.databaseUrl === null) throw new Error('A lease of Postgres came without its URL.');
  const privateRedis = lease.redisUrl === null ? 'none' : 'embedded';
  return {
    databaseUrl: lease.databaseUrl,
    redisUrl: redisUrl ?? lease.redisUrl,
    postgres: 'embedded',
    redis: redisUrl === undefined ? privateRedis : 'external',
    close: () => lease.release(),
  };
}
