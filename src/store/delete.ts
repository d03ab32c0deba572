import { setTimeout as pause } from 'node:timers/promises';
import { ServiceError, UsageError } from '../contract/errors.ts';
import type { RunState } from '../contract/run.ts';
import type { Connection, Database } from './database.ts';
import { noteLeftovers } from './leftovers.ts';
import { sqlState } from './postgres-errors.ts';
import { getRun } from './runs.ts';

const DELETABLE: readonly RunState[] = ['done', 'cancelled'];
const LOCK_NOT_AVAILABLE = '55P03';
/** Other sessions wait behind this one for the table of results for at most so long… */
const LOCK_TIMEOUT_MS = 1_000;
/** …then they go first, and this one tries again after a pause. */
const TRIES = 20;
const PAUSE_MS = 500;

/**
 * Removes a run with its results, row errors and ledger, all or nothing. What a worker still has of it is not written.
 * Jobs of the run may still be in the queue: the commit notes that (leftovers.ts).
 *
 * @throws UsageError when the run is neither done nor cancelled; ServiceError when results are being read all the time
 */
export async function deleteRun(database: Database, runId: string): Promise<void> {
  const { id } = await getRun(database, runId);
  let mayBeGone = false;
  for (let tries = 1; ; tries += 1) {
    try {
      await database.transaction((connection) => remove(connection, id, mayBeGone));
      return;
    } catch (error) {
      if (!(error instanceof ServiceError)) throw error;
      const isLocked = sqlState(error) === LOCK_NOT_AVAILABLE;
      if (!isLocked && tries === TRIES) throw error;
      // The commit may have been done, and only its answer lost.
      mayBeGone ||= !isLocked;
      if (tries === TRIES) {
        throw new ServiceError(
          `run ${id} cannot be deleted now: someone reads or writes results in a transaction that does not end; ` +
            'end it (pg_stat_activity shows it), then delete again',
          { cause: error },
        );
      }
      await pause(PAUSE_MS);
    }
  }
}

async function remove(connection: Connection, id: string, mayBeGone: boolean): Promise<void> {
  await connection.query(`SET LOCAL lock_timeout = ${LOCK_TIMEOUT_MS}`);
  // Before any row is locked: a worker that completes a chunk locks its tables first, then rows.
  await connection.query('LOCK TABLE ONLY detoxq.results IN ACCESS EXCLUSIVE MODE');
  const [run] = await connection.query<{ state: RunState }>('SELECT state FROM detoxq.runs WHERE id = $1 FOR UPDATE', [
    id,
  ]);
  if (run === undefined && mayBeGone) return;
  if (run === undefined) throw new UsageError(`there is no run ${id} any more`);
  if (!DELETABLE.includes(run.state)) {
    throw new UsageError(`run ${id} is ${run.state}: only a run that is done or cancelled can be deleted`, {
      code: 'run_not_ended',
      data: { run: id, state: run.state },
    });
  }
  const [partition] = await connection.query<{ name: string }>(
    `SELECT format('%I.%I', nspname, relname) AS name
     FROM pg_inherits JOIN pg_class ON pg_class.oid = inhrelid JOIN pg_namespace ON pg_namespace.oid = relnamespace
     WHERE inhparent = 'detoxq.results'::regclass AND relname = 'results_' || $1`,
    [id],
  );
  if (partition !== undefined) await connection.query(`DROP TABLE ${partition.name}`);
  await noteLeftovers(connection, id);
  await connection.query('DELETE FROM detoxq.runs WHERE id = $1', [id]);
}
