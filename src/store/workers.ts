import type { RunState } from '../contract/run.ts';
import type { Connection } from './database.ts';

/** Interval of the heartbeats of workers and producers. */
export const HEARTBEAT_MS = 5_000;
/** A worker or producer that is silent for four heartbeats counts as dead. */
export const SILENT_MS = 20_000;
/** The row of a worker that is silent this long is removed with the next heartbeat of another one. */
const FORGOTTEN_AFTER = '60 seconds';

/** What keeps a worker from working. */
export interface WorkerProblem {
  /** Null: on any run. */
  readonly runId: string | null;
  readonly message: string;
}

interface WorkerBeat {
  /** As in `chunks.worker`. */
  readonly name: string;
  readonly host: string;
  readonly pid: number;
  readonly startedAt: Date;
  /** Chunks in work. */
  readonly chunks: number;
  readonly problem: WorkerProblem | null;
  /** Features that it knows (contract/features.ts). None for workers of detoxq 0.1 that started before the schema had them. */
  readonly knows: readonly string[];
  /** Version of detoxq; null where it is not known. */
  readonly version: string | null;
}

export interface WorkerLife extends WorkerBeat {
  /** Milliseconds since its last heartbeat, by the clock of Postgres. */
  readonly silentMs: number;
}

/** Notes that a worker is alive, and forgets those that are long dead. */
export async function beatWorker(connection: Connection, beat: WorkerBeat): Promise<void> {
  await connection.query(
    `WITH forgotten AS (
       DELETE FROM detoxq.workers WHERE name IN (
         SELECT name FROM detoxq.workers WHERE heartbeat_at < now() - interval '${FORGOTTEN_AFTER}' AND name <> $1
         FOR UPDATE SKIP LOCKED
       )
     )
     INSERT INTO detoxq.workers (name, host, pid, started_at, chunks, problem_run, problem, knows, version)
     VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9)
     ON CONFLICT (name) DO UPDATE SET host = excluded.host, pid = excluded.pid, started_at = excluded.started_at,
       heartbeat_at = now(), chunks = excluded.chunks, problem_run = excluded.problem_run, problem = excluded.problem,
       knows = excluded.knows, version = excluded.version`,
    [
      ...[beat.name, beat.host, beat.pid, beat.startedAt, beat.chunks],
      ...[beat.problem?.runId ?? null, beat.problem?.message ?? null, beat.knows, beat.version],
    ],
  );
}

/** Removes the row of a worker that stops in an orderly way. */
export async function removeWorker(connection: Connection, name: string): Promise<void> {
  await connection.query('DELETE FROM detoxq.workers WHERE name = $1', [name]);
}

/** Workers that are alive, or died less than a minute ago, by name. */
export async function readWorkers(connection: Connection): Promise<WorkerLife[]> {
  const rows = await connection.query<
    Omit<WorkerLife, 'problem'> & { readonly problemRun: string | null; readonly problem: string | null }
  >(
    `SELECT name, host, pid, started_at AS "startedAt", chunks, problem_run AS "problemRun", problem, knows, version,
       (greatest(0, extract(epoch FROM now() - heartbeat_at)) * 1000)::integer AS "silentMs"
     FROM detoxq.workers WHERE heartbeat_at >= now() - interval '${FORGOTTEN_AFTER}' ORDER BY name`,
  );
  return rows.map(({ problemRun, problem, ...life }) => ({
    ...life,
    problem: problem === null ? null : { runId: problemRun, message: problem },
  }));
}

/**
 * Notes that the source of a run is being read, and by whom.
 * @returns the state of the run, which the user may have changed; null when it was deleted
 */
export async function beatProducer(connection: Connection, runId: string, producer: string): Promise<RunState | null> {
  const [run] = await connection.query<{ state: RunState }>(
    'UPDATE detoxq.runs SET producer = $2, producer_seen_at = now() WHERE id = $1 RETURNING state',
    [runId, producer],
  );
  return run?.state ?? null;
}

/** Notes that the producer has stopped reading. */
export async function removeProducer(connection: Connection, runId: string, producer: string): Promise<void> {
  await connection.query('UPDATE detoxq.runs SET producer_seen_at = NULL WHERE id = $1 AND producer = $2', [
    runId,
    producer,
  ]);
}

export interface ProducerLife {
  /** Null when no producer ever read the source. */
  readonly producer: string | null;
  /** Milliseconds since its last heartbeat; null when it stopped in an orderly way, or never started. */
  readonly silentMs: number | null;
  /** Milliseconds since the run was made. */
  readonly ageMs: number;
}

export async function readProducer(connection: Connection, runId: string): Promise<ProducerLife | null> {
  const [life] = await connection.query<ProducerLife>(
    `SELECT producer, extract(epoch FROM now() - producer_seen_at)::double precision * 1000 AS "silentMs",
       extract(epoch FROM now() - created_at)::double precision * 1000 AS "ageMs"
     FROM detoxq.runs WHERE id = $1`,
    [runId],
  );
  return life ?? null;
}
