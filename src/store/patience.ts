import { setTimeout as pause } from 'node:timers/promises';
import { ServiceError } from '../contract/errors.ts';
import type { Database } from './database.ts';

/** About eight seconds in all: enough for a restart of Postgres or of a pooler. */
const RETRY_MS = [100, 300, 700, 1_500, 2_500, 3_000] as const;

/**
 * Tries again while Postgres is away for a moment. It is for work that may be done twice, since only the answer may have been
 * lost. A command that cannot reach Postgres at its start fails at once, before it comes here.
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

/** The same database, for commands whose work may be done twice. */
export function patientDatabase(database: Database): Database {
  return {
    ...database,
    query: (text, values) => patiently(() => database.query(text, values)),
    transaction: (work) => patiently(() => database.transaction(work)),
  };
}
