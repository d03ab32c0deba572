import { setTimeout as pause } from 'node:timers/promises';
import { version } from '../config.ts';
import { ServiceError, UsageError } from '../contract/errors.ts';
import { knownSettings } from '../contract/features.ts';
import type { Outcome, RowError, RowResult } from '../contract/outcome.ts';
import type { Run, RunProgress } from '../contract/run.ts';
import { type InputRow, openRows, ROWS_OF_A_PROGRAM } from '../producer/rows-dataset.ts';
import { reopenDataset } from '../producer/source.ts';
import { checkOutput, type RunReport, reportRun } from '../report/index.ts';
import { deleteRun } from '../store/delete.ts';
import { readProgress, readSummary } from '../store/progress.ts';
import { streamResults, streamRowErrors } from '../store/results.ts';
import { countRowErrors, reopenRowErrors } from '../store/retry.ts';
import { changeRun, getRun, lacksChunks, reopenGaps } from '../store/runs.ts';
import { type Verification, verifyRun } from '../store/verify.ts';
import { clearQueue } from './clear-queue.ts';
import type { Context } from './context.ts';
import type { EnginePlace } from './engines.ts';
import { type ExportRequest, exportRun } from './export-run.ts';
import { doJob, type JobEnd } from './job.ts';
import { readByRuns } from './kept-files.ts';
import { hasEnded, type RunLife, readLife } from './run-life.ts';

/** What is left of a run, for this process to do. */
export interface FinishRequest {
  readonly place: EnginePlace;
  /** Stops in order; the run can be finished later. */
  readonly signal: AbortSignal;
  readonly onProgress: (progress: RunProgress) => void;
  /** For a run whose rows a program gave, and which was not read to its end: the same rows again, from the first. */
  readonly rows?: AsyncIterable<InputRow> | Iterable<InputRow> | undefined;
}

/** One run of the ledger. Each method looks at Postgres anew; none keeps a state of its own. */
export interface RunHandle {
  /** What it was opened by: an id, a name, or `latest`. */
  readonly reference: string;
  /** @throws UsageError where there is no such run; the same of every method */
  details(): Promise<Run>;
  progress(): Promise<RunProgress>;
  /** With the workers, and what is in the way of the run. */
  life(): Promise<RunLife>;
  summary(): Promise<RunReport>;
  /** Results by row number; of a run in work, those that it has so far. */
  results(request?: { readonly outcomes?: readonly Outcome[] | undefined }): AsyncIterable<RowResult>;
  /** Rows without a result, by row number, with the reason. */
  rowErrors(): AsyncIterable<RowError>;
  /** Waits until the run is done or cancelled. The signal ends the waiting, not the run. */
  wait(request?: { readonly signal?: AbortSignal | undefined }): Promise<RunProgress>;
  pause(): Promise<Run>;
  /** Ends a pause: workers and producers go on. */
  resume(): Promise<Run>;
  /** Sees the run to its end in this process: reads on what was not read, and works on this run alone. */
  finish(request: FinishRequest): Promise<JobEnd>;
  /** Ends the run for good. Rows that are done are kept. */
  cancel(): Promise<Run>;
  /** Puts row errors back to work. `unreadable`: rows whose text was never stored, which cannot be tried again. */
  retry(): Promise<{ readonly rows: number; readonly chunks: number; readonly unreadable: number }>;
  /** Checks that every row of the source has exactly one result or row error. */
  verify(): Promise<Verification>;
  /** Removes a run that has ended, with its results. */
  delete(): Promise<void>;
  /**
   * Writes the rows to a file, in the order of the source: `.jsonl`, `.csv` or `.tsv` by its ending. It replaces a file
   * that is there, at once and as a whole.
   *
   * @returns rows written
   * @throws UsageError for a file that a run has read, a folder that is missing, and a run that lacks rows, unless `partial`
   */
  export(path: string, request?: ExportRequest): Promise<number>;
}

const LOOK_EVERY_MS = 250;
/** A restart of Postgres, not an outage. */
const PATIENCE_MS = 60_000;

export function openRun(context: Context, reference: string): RunHandle {
  const { database } = context;
  const details = (): Promise<Run> => getRun(database, reference);
  const id = async (): Promise<string> => (await details()).id;
  return {
    ...{ reference, details },
    progress: async () => readProgress(database, await id()),
    life: async () => readLife(database, await details()),
    async summary() {
      const run = await details();
      return reportRun(run, await readSummary(database, run.id));
    },
    async *results({ outcomes } = {}) {
      yield* streamResults(database, await id(), outcomes === undefined ? {} : { outcomes });
    },
    async *rowErrors() {
      yield* streamRowErrors(database, await id());
    },
    async wait({ signal } = {}) {
      const runId = await id();
      let seenMs = performance.now();
      for (;;) {
        signal?.throwIfAborted();
        try {
          const progress = await readProgress(database, runId);
          if (hasEnded(progress)) return progress;
          seenMs = performance.now();
        } catch (error) {
          if (!(error instanceof ServiceError) || performance.now() - seenMs > PATIENCE_MS) throw error;
        }
        await pause(LOOK_EVERY_MS, undefined, signal === undefined ? {} : { signal }).catch(() => {});
      }
    },
    pause: async () => changeRun(database, await id(), 'pause'),
    async resume() {
      const run = await details();
      return run.state === 'paused' ? changeRun(database, run.id, 'resume') : run;
    },
    finish: async (request) => finishRun(context, await details(), request),
    async cancel() {
      const run = await changeRun(database, await id(), 'cancel');
      await clearQueue(context, run.id);
      return run;
    },
    async retry() {
      const runId = await id();
      const { unreadable } = await countRowErrors(database, runId);
      return { ...(await reopenRowErrors(database, runId)), unreadable };
    },
    verify: async () => verifyRun(database, await id()),
    async delete() {
      const runId = await id();
      await deleteRun(database, runId);
      await clearQueue(context, runId);
    },
    async export(path, request = {}) {
      const run = await details();
      await checkOutput('path', path, await readByRuns(database, run));
      return exportRun(database, run, path, request);
    },
  };
}

async function finishRun(context: Context, found: Run, request: FinishRequest): Promise<JobEnd> {
  const { database, emit } = context;
  const gaps = await lacksChunks(database, found.id);
  if (found.state === 'done' && !gaps) {
    return { run: found, ended: true, rowsDone: (await readProgress(database, found.id)).rowsDone };
  }
  if (found.state === 'cancelled') {
    throw new UsageError(`run ${found.id} is cancelled and cannot be resumed; begin a new run`);
  }
  const settings = knownSettings(found, `this detoxq (${version})`);
  const models = await context.checkpoints.openSame(settings);
  const onNote = (message: string): void => emit({ type: 'source-note', message });
  const unread = found.rowsTotal === null || gaps;
  const dataset = !unread
    ? null
    : request.rows === undefined
      ? await reopenDataset(found.source, onNote)
      : openRowsAgain(found, request.rows);
  const begin = async (): Promise<Run> => {
    const run = gaps ? await reopenGaps(database, found.id) : found;
    return run.state === 'paused' ? changeRun(database, run.id, 'resume') : run;
  };
  const { place, signal, onProgress } = request;
  return doJob(context, { settings, models, begin, dataset, place, signal, onProgress });
}

function openRowsAgain(run: Run, rows: NonNullable<FinishRequest['rows']>): ReturnType<typeof openRows> {
  if (run.source.files.some(({ path }) => path !== ROWS_OF_A_PROGRAM)) {
    throw new UsageError(`run ${run.id} read files: it goes on with them, and takes no rows of a program`);
  }
  const { limit } = run.source.options;
  return openRows(rows, { limit: typeof limit === 'number' ? limit : undefined });
}
