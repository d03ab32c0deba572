import { UnsupportedRunError, UsageError } from '../contract/errors.ts';
import { knownSettings } from '../contract/features.ts';
import type { Database } from '../store/database.ts';
import { getRun } from '../store/runs.ts';

export interface SupportedRuns {
  /** Why this worker leaves the run to others; null: it does not. Read once per run: neither side of it ever changes. */
  reasonAgainst(runId: string): Promise<string | null>;
}

/**
 * Looked at before a chunk is claimed, so that runs of newer versions cost no claims. The claim itself refuses what a run
 * requires, too.
 * @param who this worker, for messages
 */
export function createSupportedRuns(database: Database, who: string, known: readonly string[]): SupportedRuns {
  const reasons = new Map<string, Promise<string | null>>();
  const look = async (runId: string): Promise<string | null> => {
    try {
      knownSettings(await getRun(database, runId), who, known);
      return null;
    } catch (error) {
      if (error instanceof UnsupportedRunError) return error.message;
      // There is no such run any more: its claim says so.
      if (error instanceof UsageError) return null;
      throw error;
    }
  };
  return {
    reasonAgainst(runId) {
      const seen = reasons.get(runId);
      if (seen !== undefined) return seen;
      const looking = look(runId);
      reasons.set(runId, looking);
      looking.catch(() => reasons.delete(runId));
      return looking;
    },
  };
}
