import { setTimeout as pause } from 'node:timers/promises';
import { ServiceError } from '../contract/errors.ts';
import type { Database } from './database.ts';

/** About eight seconds: a restart of Postgres or of a pooler. */
const RETRY_MS = [100, 300, 700, 1_500, 2_500, 3_000] as const;

/**
 * Tries again while Postgres is away for a moment: for what may be done twice, since the answer may have been lost and not
 * the deed. A command that cannot reach Postgres at its start does not come this far, and fails at once.
 */
async function patiently<T>(work: () => Promise<T>): Promise<T> {
  for (const pauseMs of RETRY_MS) {
    try {
      return await work();
    } catch (error) {
      if (!(error instanceof ServiceError)) throw error;
      await pause(pauseMs);
    }
  }
  return work();
}

/** The same database for commands that do nothing that may not be done twice. */
export function patientDatabase(database: Database): Database {
  return {
    ...database,
    query: (text, values) => patiently(() => database.query(text, values)),
    transaction: (work) => patiently(() => database.transaction(work)),
  };
}
