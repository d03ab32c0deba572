import { hostname } from 'node:os';
import type { Database } from '../store/database.ts';
import { knownSchema, newerSchema } from '../store/migrate.ts';
import { beatWorker, HEARTBEAT_MS, removeWorker, type WorkerProblem } from '../store/workers.ts';

export interface Heartbeat {
  /** Notes that a chunk of this run could not be worked on here, for a reason that another try would not mend. */
  failed(runId: string, message: string): void;
  /** Notes that a chunk of this run was settled, so the reason above is gone. */
  settled(runId: string): void;
  /** Takes the worker off the list. */
  stop(): Promise<void>;
}

export interface HeartbeatOptions {
  readonly name: string;
  /** This worker, for messages. */
  readonly who: string;
  /** Features that it knows. */
  readonly knows: readonly string[];
  readonly version: string | null;
  readonly chunksInWork: () => number;
  /** Results that are computed and cannot be written now. */
  readonly waiting: () => WorkerProblem | null;
  /** Called with a message when the schema has become newer than this worker, and with null when it no longer is. */
  readonly onOutdated: (message: string | null) => void;
}

/** Keeps a worker's row in `workers` fresh. It costs two small statements every 5 s, and their faults are not reported. */
export function startHeartbeat(database: Database, options: HeartbeatOptions): Heartbeat {
  const { name, who, knows, version, chunksInWork, waiting, onOutdated } = options;
  const life = { name, host: hostname(), pid: process.pid, startedAt: new Date(), knows, version };
  let problem: WorkerProblem | null = null;
  let outdated: string | null = null;
  let stopped = false;
  // Read now: a program whose files are replaced while it runs is still the old one.
  const known = knownSchema();
  known.catch(() => {});
  let beating: Promise<void> = Promise.resolve();

  const lookAtSchema = async (): Promise<void> => {
    const newer = await newerSchema(database, await known);
    const message =
      newer === null ? null : `the schema of this database has become newer (${newer}) than ${who}: upgrade it`;
    if (message === outdated) return;
    outdated = message;
    onOutdated(message);
  };
  const beat = (): void => {
    // A worker that cannot reach Postgres logs it where rows are read or written. Here it only stays silent.
    beating = beating
      .then(lookAtSchema)
      .then(() => {
        const shown = outdated === null ? (waiting() ?? problem) : { runId: null, message: outdated };
        return beatWorker(database, { ...life, chunks: chunksInWork(), problem: shown });
      })
      .catch(() => {});
  };
  beat();
  const timer = setInterval(beat, HEARTBEAT_MS);
  timer.unref();

  return {
    failed(runId, message) {
      const first = problem === null;
      problem = { runId, message };
      if (first) beat();
    },
    settled(runId) {
      if (problem?.runId === runId) problem = null;
    },
    async stop() {
      if (stopped) return;
      stopped = true;
      clearInterval(timer);
      await beating;
      await removeWorker(database, name).catch(() => {});
    },
  };
}
