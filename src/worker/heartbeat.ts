import { hostname } from 'node:os';
import type { Database } from '../store/pool.ts';
import { beatWorker, HEARTBEAT_MS, removeWorker, type WorkerProblem } from '../store/workers.ts';

export interface Heartbeat {
  /** A chunk of this run could not be worked on here, for a reason that another try would not mend. */
  failed(runId: string, message: string): void;
  /** A chunk of this run was settled: what kept the run from being worked on is over. */
  settled(runId: string): void;
  /** Takes the worker off the list. */
  stop(): Promise<void>;
}

/** Keeps a worker's row in `workers` fresh. Costs one small statement every 5 s; faults of it are no one's business. */
export function startHeartbeat(
  database: Database,
  name: string,
  chunksInWork: () => number,
  /** Results that are computed and cannot be written now. */
  waiting: () => WorkerProblem | null,
): Heartbeat {
  const life = { name, host: hostname(), pid: process.pid, startedAt: new Date() };
  let problem: WorkerProblem | null = null;
  let beating: Promise<void> = Promise.resolve();
  let stopped = false;

  const beat = (): void => {
    // A worker that cannot reach Postgres logs it where it matters; here it is only silent.
    beating = beating
      .then(() => beatWorker(database, { ...life, chunks: chunksInWork(), problem: problem ?? waiting() }))
      .catch(() => {});
  };
  beat();
  const timer = setInterval(beat, HEARTBEAT_MS);
  timer.unref();

  return {
    failed(runId, message) {
      problem = { runId, message };
      beat();
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
