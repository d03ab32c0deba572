import type { Connection, Database } from './database.ts';

/*
 * What a queue may still hold of runs that were cancelled or deleted. Cancelling or deleting a run notes it here, in the same
 * commit. A command that dies or cannot reach the queue so leaves the rest to the next process that has the queue. The note
 * says below which number chunks may have jobs. The number falls page by page, and the note is gone at zero.
 */

/** Notes that the queue may hold jobs of a run, whose chunks are still in the ledger. */
export async function noteLeftovers(connection: Connection, runId: string): Promise<void> {
  await connection.query(
    `INSERT INTO detoxq.queue_leftovers (run_id, chunks)
     SELECT $1, coalesce(max(chunk_no) + 1, 0) FROM detoxq.chunks WHERE run_id = $1
     ON CONFLICT (run_id) DO UPDATE SET chunks = greatest(queue_leftovers.chunks, excluded.chunks), noted_at = now()`,
    [runId],
  );
}

/** Runs with a note, oldest first. */
export async function runsWithLeftovers(connection: Connection): Promise<string[]> {
  const rows = await connection.query<{ runId: string }>(
    'SELECT run_id AS "runId" FROM detoxq.queue_leftovers ORDER BY noted_at, run_id',
  );
  return rows.map(({ runId }) => runId);
}

/**
 * One page of a note: calls `remove` with the highest numbers of chunks, and lowers the note when it returns.
 * @returns whether there may be more to do; false also when another process is at it
 */
export function takeLeftovers(
  database: Database,
  runId: string,
  limit: number,
  remove: (chunkNos: readonly number[]) => Promise<void>,
): Promise<boolean> {
  return database.transaction(async (connection) => {
    // Held until the page is done. Two processes that remove the same jobs would do no harm, but twice the work.
    const [note] = await connection.query<{ chunks: number }>(
      'SELECT chunks FROM detoxq.queue_leftovers WHERE run_id = $1 FOR UPDATE SKIP LOCKED',
      [runId],
    );
    if (note === undefined) return false;
    const rest = Math.max(0, note.chunks - limit);
    await remove(Array.from({ length: note.chunks - rest }, (_, index) => rest + index));
    if (rest === 0) await connection.query('DELETE FROM detoxq.queue_leftovers WHERE run_id = $1', [runId]);
    else await connection.query('UPDATE detoxq.queue_leftovers SET chunks = $2 WHERE run_id = $1', [runId, rest]);
    return rest > 0;
  });
}

/** Those of the given runs that may have jobs: the others are done, cancelled or deleted. */
export async function runsNotEnded(connection: Connection, runIds: readonly string[]): Promise<ReadonlySet<string>> {
  const rows = await connection.query<{ id: string }>(
    "SELECT id FROM detoxq.runs WHERE id = ANY ($1) AND state IN ('enqueueing', 'running', 'paused')",
    [runIds],
  );
  return new Set(rows.map(({ id }) => id));
}

/** Whether a schema holds the tables of a queue. */
export async function queueTablesExist(connection: Connection, schema: string): Promise<boolean> {
  const [found] = await connection.query<{ exists: boolean }>(
    "SELECT EXISTS (SELECT FROM pg_tables WHERE schemaname = $1 AND tablename = 'job') AS exists",
    [schema],
  );
  return found?.exists ?? false;
}
