import { clearLeftovers } from './app/clear-queue.ts';
import { type Context, openContext, WORK_ANSWER_TIMEOUT_MS, WORK_CONNECTIONS } from './app/context.ts';
import { enginePlace } from './app/engines.ts';
import { enqueueAll } from './app/enqueue.ts';
import type { OnEvent } from './app/events.ts';
import { doJob } from './app/job.ts';
import { prepareRun, type Source } from './app/new-run.ts';
import { type FinishRequest, openRun, type RunHandle } from './app/run-handle.ts';
import { type FieldKinds, type RunRequest, requireFields } from './app/run-request.ts';
import { type RunningWorker, startRunningWorker } from './app/worker.ts';
import { configWith } from './config.ts';
import type { Device } from './contract/device.ts';
import { describeDefect } from './contract/errors.ts';
import type { Log } from './contract/log.ts';
import type { Run, RunProgress } from './contract/run.ts';
import { listRuns } from './store/runs.ts';

export type { AppEvent } from './app/events.ts';
export type { ExportedOutcome, ExportRequest } from './app/export-run.ts';
export type { Source } from './app/new-run.ts';
export type { RunLife } from './app/run-life.ts';
export type { RunRequest } from './app/run-request.ts';
export type { RunningWorker } from './app/worker.ts';
export type { Device } from './contract/device.ts';
export {
  CheckpointError,
  DatasetError,
  DetoxqError,
  DeviceError,
  type ErrorCode,
  type ErrorData,
  type ErrorDetails,
  HubError,
  ServiceError,
  UnsupportedRunError,
  UsageError,
} from './contract/errors.ts';
export { shownSettings } from './contract/features.ts';
export type { Log } from './contract/log.ts';
export { OUTCOMES, type Outcome, type RowError, type RowResult } from './contract/outcome.ts';
export type { Run, RunProgress, RunState } from './contract/run.ts';
export type { RunSettings } from './contract/settings.ts';
export type { InputRow } from './producer/rows-dataset.ts';
export type { RunReport } from './report/index.ts';
export type { Verification } from './store/verify.ts';

export interface OpenOptions {
  /** Postgres that keeps runs and results. Default: `DATABASE_URL`; null starts an embedded one in `home`. */
  readonly databaseUrl?: string | null | undefined;
  /** Redis that dispatches chunks. Default: `REDIS_URL`; null starts a private one, or uses Postgres where there is no redis-server. */
  readonly redisUrl?: string | null | undefined;
  /** Folder of embedded services, pulled checkpoints and compiled models. Default: `DETOXQ_HOME`, else `.detoxq`. */
  readonly home?: string | undefined;
  /** Brings the tables up to date first. Default: only in the embedded Postgres; elsewhere an old schema is refused. */
  readonly migrate?: boolean | undefined;
  /** Takes what happens in the background. Row text never reaches it. Default: nothing is logged. */
  readonly log?: Log | undefined;
  /** Takes what the program tells while it works: guesses about a source, calibrations, progress. */
  readonly onEvent?: OnEvent | undefined;
}

/** Engine processes of this machine. */
export interface PlaceOptions {
  /** Default: one per core; on a GPU one. */
  readonly processes?: number | undefined;
  /** Default: the CPU. */
  readonly device?: Device | undefined;
}

export interface WorkOptions extends PlaceOptions {
  /** Stops in order: what is in work is finished or handed back. */
  readonly signal?: AbortSignal | undefined;
  /** Called several times per second. */
  readonly onProgress?: ((progress: RunProgress) => void) | undefined;
}

/** A run of this installation. */
export interface DetoxqRun extends Omit<RunHandle, 'finish'> {
  /**
   * Sees the run to its end in this process: reads on what was not read, and works on this run alone. An interrupted run
   * goes on from where the ledger ends; rows that are done are not done again.
   *
   * @param options `rows`: for a run whose rows a program gave, and which was not read to its end, the same rows again
   * @returns false where the signal stopped it
   */
  finish(options?: WorkOptions & Pick<FinishRequest, 'rows'>): Promise<boolean>;
}

/** A run that was just enqueued. */
export interface EnqueuedRun extends DetoxqRun {
  readonly id: string;
  /** False where the signal stopped the reading: `finish` reads on. */
  readonly finished: boolean;
  /** Rows in the ledger and the queue. */
  readonly rows: number;
  readonly chunks: number;
}

export interface Detoxq extends AsyncDisposable {
  /**
   * Reads rows or files into the ledger and the queue, for workers anywhere. It waits while the queue is full, so a large
   * corpus needs a worker beside it. A row that cannot be read becomes a row error.
   *
   * @throws UsageError for a request that cannot be, DatasetError for a source that cannot be read, CheckpointError
   * @example
   * const run = await detoxq.enqueue(['comments.csv'], { textColumn: 'body', threshold: 0.7 });
   */
  enqueue(
    source: Source,
    request?: RunRequest,
    options?: PlaceOptions & { readonly signal?: AbortSignal | undefined },
  ): Promise<EnqueuedRun>;
  /**
   * Enqueues rows or files and sees the run to its end in this process.
   *
   * @returns the run; it has not ended where the signal stopped it
   * @example
   * const run = await detoxq.clean([{ key: 'c1', text: 'Only an idiot would ask that.' }]);
   * for await (const row of run.results({ outcomes: ['detoxified'] })) console.log(row.rowKey, row.detoxified);
   */
  clean(source: Source, request?: RunRequest, options?: WorkOptions): Promise<DetoxqRun & { readonly id: string }>;
  /** Takes chunks of every run from the queue until it is stopped or disposed of. */
  startWorker(options?: PlaceOptions): Promise<RunningWorker>;
  /** The newest runs, newest first. @param limit default 20 */
  runs(options?: { readonly limit?: number | undefined }): Promise<Run[]>;
  /** @param reference id or name of a run, or `latest`; whether there is one is seen when a method is called */
  run(reference: string): DetoxqRun;
  /** Stops what this object started, then closes queue and database, and ends embedded services. */
  close(): Promise<void>;
}

const SILENT: Log = { debug() {}, info() {}, warn() {}, error() {} };
const RUNS_LISTED = 20;

/**
 * Opens an installation of detoxq: Postgres, the queue, and the checkpoints of this machine. What is not given comes from the
 * environment, as for the command line.
 *
 * @throws UsageError for a setting that cannot be used, ServiceError where Postgres or Redis cannot be reached
 * @example
 * import { openDetoxq } from 'detoxq';
 *
 * await using detoxq = await openDetoxq({ databaseUrl: process.env.DATABASE_URL, redisUrl: process.env.REDIS_URL });
 * const run = await detoxq.clean(['comments.csv']);
 * console.log(await run.summary());
 */
export async function openDetoxq(options: OpenOptions = {}): Promise<Detoxq> {
  requireFields(options, OPTIONS, 'an option of openDetoxq');
  const { databaseUrl, redisUrl, home, migrate, log = SILENT, onEvent = () => {} } = options;
  const config = configWith({ DATABASE_URL: databaseUrl, REDIS_URL: redisUrl, DETOXQ_HOME: home });
  const schema = migrate === true ? 'apply' : undefined;
  const context = await openContext(
    config,
    { log, emit: guarded(onEvent, log) },
    {
      connections: WORK_CONNECTIONS,
      answerTimeoutMs: WORK_ANSWER_TIMEOUT_MS,
      ...(schema === undefined ? {} : { schema }),
    },
  );
  return createDetoxq(context);
}

const OPTIONS: FieldKinds<keyof OpenOptions> = {
  ...{ databaseUrl: 'any', redisUrl: 'any', home: 'text', migrate: 'any', log: 'object', onEvent: 'any' },
};

/** What a program throws in its own callback must not end the work: it is logged. */
function guarded<T>(callback: (value: T) => void, log: Log): (value: T) => void {
  return (value) => {
    try {
      callback(value);
    } catch (error) {
      log.warn({ reason: describeDefect(error) }, 'a callback of the program threw');
    }
  };
}

function createDetoxq(context: Context): Detoxq {
  const workers = new Set<RunningWorker>();
  const closing = new AbortController();
  const work = new Set<Promise<unknown>>();
  let closed: Promise<void> | undefined;

  /** Work that `close` stops and waits for. */
  const tracked = <T>(start: (signal: AbortSignal) => Promise<T>, signal?: AbortSignal): Promise<T> => {
    if (closed !== undefined) return Promise.reject(new Error('this detoxq is closed'));
    const promise = start(signal === undefined ? closing.signal : AbortSignal.any([closing.signal, signal]));
    const settled = promise.then(
      () => {},
      () => {},
    );
    work.add(settled);
    settled.finally(() => work.delete(settled));
    return promise;
  };

  const run = (reference: string): DetoxqRun => {
    const handle = openRun(context, reference);
    return {
      ...handle,
      finish: ({ rows, signal, onProgress = () => {}, ...place } = {}) =>
        tracked(async (stop) => {
          const request = {
            place: enginePlace(place),
            rows,
            signal: stop,
            onProgress: progressTo(context, onProgress),
          };
          return (await handle.finish(request)).ended;
        }, signal),
    };
  };

  return {
    run,
    runs: ({ limit = RUNS_LISTED } = {}) => listRuns(context.database, limit),
    enqueue: (source, request = {}, { signal, ...place } = {}) =>
      tracked(async (stop) => {
        const { dataset, create } = await prepareRun(context, source, request, enginePlace(place));
        const queue = await context.openQueue();
        await clearLeftovers(context, queue);
        const { id, ...made } = await create();
        context.emit({ type: 'run-created', run: id });
        const { finished, rows, chunks } = await enqueueAll(context, { id, ...made }, dataset, queue, stop);
        return { ...run(id), id, finished, rows, chunks };
      }, signal),
    clean: (source, request = {}, { signal, onProgress = () => {}, ...options } = {}) =>
      tracked(async (stop) => {
        const place = enginePlace(options);
        const { create, ...prepared } = await prepareRun(context, source, request, place);
        const begin = async (): Promise<Run> => {
          const made = await create();
          context.emit({ type: 'run-created', run: made.id });
          return made;
        };
        const job = { ...prepared, begin, place, signal: stop, onProgress: progressTo(context, onProgress) };
        const { id } = (await doJob(context, job)).run;
        return { ...run(id), id };
      }, signal),
    async startWorker(place = {}) {
      const worker = await tracked(() => startRunningWorker(context, enginePlace(place)));
      workers.add(worker);
      return worker;
    },
    close,
    [Symbol.asyncDispose]: close,
  };

  function close(): Promise<void> {
    closed ??= (async () => {
      closing.abort();
      await Promise.all([...workers].map((worker) => worker.stop()));
      await Promise.all(work);
      await context.close();
    })();
    return closed;
  }
}

function progressTo(
  { emit, log }: Context,
  onProgress: (progress: RunProgress) => void,
): (progress: RunProgress) => void {
  const tell = guarded(onProgress, log);
  return (progress) => {
    emit({ type: 'progress', progress });
    tell(progress);
  };
}
