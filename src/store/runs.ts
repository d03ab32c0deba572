import { randomInt } from 'node:crypto';
import { DatasetError, DetoxqError, UsageError } from '../contract/errors.ts';
import { requiredFeatures } from '../contract/features.ts';
import type { Run, RunSource, RunState } from '../contract/run.ts';
import { parseSettings, type RunSettings, settingsHash } from '../contract/settings.ts';
import type { Connection, Database } from './database.ts';

/*
 * The states of a run:
 *
 *                 finishEnqueue            finishRunIfDone
 *   enqueueing ───────────────▶ running ───────────────▶ done
 *     │    ▲                     │   ▲
 *     │    └──────┐              │   │
 *   pause       resume         pause │
 *     │           │              │   │ resume (when the source was read to its end)
 *     └───────▶ paused ◀─────────┘   │
 *                 └──────────────────┘
 *
 *   enqueueing, running, paused ── cancel ──▶ cancelled
 *   done ── reopenRowErrors (retry) ──▶ running
 *   done, cancelled ── deleteRun ──▶ gone
 *
 * A paused run may still be read to its end. Chunks are claimed only in enqueueing and running; a chunk that is
 * active when its run is paused or cancelled may still be completed.
 */

const RUN_ID = /^r[a-z0-9]{7}$/;

export function isRunId(value: unknown): value is string {
  return typeof value === 'string' && RUN_ID.test(value);
}

/** Letters and digits, without those that are easily confused. */
const ID_LETTERS = 'abcdefghjkmnpqrstuvwxyz23456789';
const LATEST = 'latest';

const COLUMNS = `
  id, name, state, source, settings, requires,
  settings_hash AS "settingsHash", rows_total AS "rowsTotal", chunks_total AS "chunksTotal",
  created_at AS "createdAt", finished_at AS "finishedAt"`;

interface NewRun {
  readonly name: string | null;
  readonly source: RunSource;
  readonly settings: RunSettings;
}

/**
 * A new run in state `enqueueing`, with the partition for its results.
 * @throws DetoxqError when its settings would be read back as others: no worker would take it
 */
export async function createRun(database: Database, { name, source, settings }: NewRun): Promise<Run> {
  const stored = JSON.stringify(settings);
  const parsed = parseSettings(JSON.parse(stored));
  if ('unknown' in parsed) throw new DetoxqError(`settings of a run cannot be stored: ${parsed.unknown}`);
  for (;;) {
    const run = await database.transaction(async (connection) => {
      const [row] = await connection.query<Run>(
        `INSERT INTO detoxq.runs (id, name, source, settings, settings_hash, requires) VALUES ($1, $2, $3, $4, $5, $6)
         ON CONFLICT DO NOTHING RETURNING ${COLUMNS}`,
        [newRunId(), name, JSON.stringify(source), stored, settingsHash(settings), requiredFeatures(settings)],
      );
      if (row !== undefined) await connection.query('SELECT detoxq.create_results_partition($1)', [row.id]);
      return row;
    });
    if (run !== undefined) return run;
  }
}

/** Longest list of runs in a message. */
const RUNS_SHOWN = 5;

/**
 * @param reference an id, `latest`, or a name that one run has
 * @throws UsageError when the run does not exist, or when several runs have the name
 */
export async function getRun(connection: Connection, reference: string): Promise<Run> {
  if (reference === LATEST) {
    const [run] = await listRuns(connection, 1);
    if (run === undefined) throw new UsageError('there is no run yet', { code: 'no_runs', data: {} });
    return run;
  }
  if (RUN_ID.test(reference)) {
    const [run] = await connection.query<Run>(`SELECT ${COLUMNS} FROM detoxq.runs WHERE id = $1`, [reference]);
    if (run !== undefined) return run;
  }
  const named = await runsNamed(connection, reference);
  const [run, ...others] = named;
  if (run === undefined)
    throw new UsageError(`there is no run ${reference}`, { code: 'run_not_found', data: { run: reference } });
  if (others.length === 0) return run;
  const shown = named
    .slice(0, RUNS_SHOWN)
    .map(({ id, state, createdAt }) => `${id} (${state}, ${minuteOf(createdAt)})`);
  if (named.length > RUNS_SHOWN) shown.push(`${named.length - RUNS_SHOWN} more`);
  throw new UsageError(`${named.length} runs are named ${reference}: give the id of one. ${shown.join(', ')}`);
}

/** @throws UsageError for the id of a run: the id would always win */
export async function requireUsableName(connection: Connection, name: string): Promise<void> {
  const taken = await connection.query('SELECT FROM detoxq.runs WHERE id = $1', [name.replaceAll('\0', '')]);
  if (taken.length > 0)
    throw new UsageError(`--name ${name} is the id of a run, and could never be used as a name: choose another one`);
}

/** Runs of this name, newest first. */
export async function runsNamed(connection: Connection, name: string): Promise<Run[]> {
  // A text of Postgres holds no NUL.
  if (name.includes('\0')) return [];
  return connection.query<Run>(`SELECT ${COLUMNS} FROM detoxq.runs WHERE name = $1 ORDER BY created_at DESC, id`, [
    name,
  ]);
}

/** `2026-12-01 09:30 UTC`. */
export function minuteOf(time: Date): string {
  return `${time.toISOString().slice(0, 16).replace('T', ' ')} UTC`;
}

/** Newest first. */
export function listRuns(connection: Connection, limit: number): Promise<Run[]> {
  return connection.query<Run>(`SELECT ${COLUMNS} FROM detoxq.runs ORDER BY created_at DESC, id LIMIT $1`, [limit]);
}

/** Files that runs have read, with what is recorded of them; newest run first. */
export function readSources(
  connection: Connection,
): Promise<(RunSource['files'][number] & { readonly runId: string })[]> {
  return connection.query(
    `SELECT id AS "runId", file->>'path' AS path, (file->>'sizeBytes')::bigint AS "sizeBytes", file->>'modifiedAt' AS "modifiedAt"
     FROM detoxq.runs, jsonb_array_elements(source->'files') AS file
     WHERE file->>'path' <> '-' ORDER BY created_at DESC`,
  );
}

/** Ids of the runs whose chunks may be worked on, oldest first. */
export async function openRuns(connection: Connection): Promise<string[]> {
  const rows = await connection.query<{ id: string }>(
    "SELECT id FROM detoxq.runs WHERE state IN ('enqueueing', 'running') ORDER BY created_at, id",
  );
  return rows.map((row) => row.id);
}

/**
 * Notes that the source was read to its end and every chunk is in the ledger. Does nothing when that is noted already.
 * @throws DatasetError when the ledger holds something else; UsageError when the run was cancelled
 */
export async function finishEnqueue(
  connection: Connection,
  runId: string,
  totals: { readonly rowsTotal: number; readonly chunksTotal: number },
): Promise<Run> {
  const [finished] = await connection.query<Run>(
    `UPDATE detoxq.runs SET rows_total = $2, chunks_total = $3,
       state = CASE WHEN state = 'enqueueing' THEN 'running' ELSE state END
     WHERE id = $1 AND state <> 'cancelled' AND coalesce(rows_total, $2) = $2 AND coalesce(chunks_total, $3) = $3
       AND (SELECT count(*) = $3 AND coalesce(sum(row_count), 0) = $2 FROM detoxq.chunks WHERE run_id = $1)
     RETURNING ${COLUMNS}`,
    [runId, totals.rowsTotal, totals.chunksTotal],
  );
  if (finished !== undefined) return (await finishRunIfDone(connection, runId)) ? getRun(connection, runId) : finished;
  const run = await getRun(connection, runId);
  if (run.state === 'cancelled') throw new UsageError(`run ${runId} is cancelled`);
  throw new DatasetError(
    `run ${runId}: the source has ${totals.rowsTotal} rows in ${totals.chunksTotal} chunks, and the ledger has others: ` +
      'the source changed while it was read; start a new run',
  );
}

const LACKS_CHUNKS = 'chunks_total > (SELECT count(*) FROM detoxq.chunks WHERE run_id = runs.id)';

/**
 * Whether the ledger of a run that was read to its end has fewer chunks than were noted then. They were removed by hand, or
 * Postgres was restored to an earlier moment.
 */
export async function lacksChunks(connection: Connection, runId: string): Promise<boolean> {
  const rows = await connection.query(`SELECT FROM detoxq.runs WHERE id = $1 AND ${LACKS_CHUNKS}`, [runId]);
  return rows.length > 0;
}

/** Marks the source of such a run as not read to its end, so that reading it again fills the gaps. */
export async function reopenGaps(connection: Connection, runId: string): Promise<Run> {
  const [reopened] = await connection.query<Run>(
    `UPDATE detoxq.runs SET rows_total = NULL, chunks_total = NULL, finished_at = NULL,
       state = CASE WHEN state = 'paused' THEN state ELSE 'enqueueing' END
     WHERE id = $1 AND state IN ('running', 'paused', 'done') AND ${LACKS_CHUNKS}
     RETURNING ${COLUMNS}`,
    [runId],
  );
  return reopened ?? getRun(connection, runId);
}

/** Ends a run whose last chunk is done. It is cheap, and any process may call it at any time. */
export async function finishRunIfDone(connection: Connection, runId: string): Promise<boolean> {
  const rows = await connection.query(
    `UPDATE detoxq.runs SET state = 'done', finished_at = now()
     WHERE id = $1 AND state = 'running'
       AND NOT EXISTS (SELECT FROM detoxq.chunks WHERE run_id = $1 AND state <> 'done')
     RETURNING id`,
    [runId],
  );
  return rows.length > 0;
}

/**
 * Whether to compare the ledger of a run with the queue now. It is true for one caller per `minAgeMs`, however many ask. A
 * last time in the future was noted before the server's clock was set back, and does not count.
 */
export async function beginReconciling(connection: Connection, runId: string, minAgeMs: number): Promise<boolean> {
  const rows = await connection.query(
    `UPDATE detoxq.runs SET reconciled_at = now()
     WHERE id = $1 AND state IN ('enqueueing', 'running')
       AND (reconciled_at IS NULL OR reconciled_at <= now() - $2 * interval '1 millisecond'
         OR reconciled_at > now() + interval '1 minute')
     RETURNING id`,
    [runId, minAgeMs],
  );
  return rows.length > 0;
}

const CHANGES = {
  pause: { from: ['enqueueing', 'running'], to: "'paused'" },
  resume: { from: ['paused'], to: "CASE WHEN rows_total IS NULL THEN 'enqueueing' ELSE 'running' END" },
  cancel: { from: ['enqueueing', 'running', 'paused'], to: "'cancelled'" },
} as const satisfies Record<string, { from: readonly RunState[]; to: string }>;
export type RunChange = keyof typeof CHANGES;

/**
 * Pauses, resumes or cancels a run.
 * @throws UsageError when the run is in a state that does not allow it
 */
export async function changeRun(connection: Connection, runId: string, change: RunChange): Promise<Run> {
  const { from, to } = CHANGES[change];
  // One statement, so that a cancelled run always has its note about the jobs in the queue.
  const [changed] = await connection.query<Run>(
    `WITH changed AS (
       UPDATE detoxq.runs SET state = ${to}, finished_at = CASE WHEN ${to} = 'cancelled' THEN now() END
       WHERE id = $1 AND state = ANY ($2) RETURNING ${COLUMNS}
     ), noted AS (
       INSERT INTO detoxq.queue_leftovers (run_id, chunks)
       SELECT id, (SELECT coalesce(max(chunk_no) + 1, 0) FROM detoxq.chunks WHERE run_id = $1)
       FROM changed WHERE changed.state = 'cancelled'
       ON CONFLICT (run_id) DO NOTHING
     )
     SELECT * FROM changed`,
    [runId, from],
  );
  if (changed === undefined) {
    const run = await getRun(connection, runId);
    throw new UsageError(`run ${runId} is ${run.state}: a run that is ${from.join(' or ')} can ${change}`);
  }
  return (await finishRunIfDone(connection, runId)) ? getRun(connection, runId) : changed;
}

function newRunId(): string {
  const letters = Array.from({ length: 7 }, () => ID_LETTERS[randomInt(ID_LETTERS.length)]);
  return `r${letters.join('')}`;
}
