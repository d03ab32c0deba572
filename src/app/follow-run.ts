import { hostname } from 'node:os';
import { DetoxqError } from '../contract/errors.ts';
import type { RunState } from '../contract/run.ts';
import { knownSchema, newerSchema } from '../store/migrate.ts';
import { beatProducer, removeProducer } from '../store/workers.ts';
import { createCondition } from '../util/condition.ts';
import type { Context } from './context.ts';

/** How long a pause or cancel may go unnoticed by a producer. */
const LOOK_EVERY_MS = 1_000;

/** What the user does to a run while its source is read. */
export interface FollowedRun {
  /** Comes with the given signal, when the run is cancelled or deleted, and when the schema becomes newer than this version. */
  readonly signal: AbortSignal;
  /** Returns when the run is not paused, or the signal came. */
  whilePaused(): Promise<void>;
  /** @throws DetoxqError when the run was cancelled or deleted, or the schema has become newer */
  throwIfCancelled(): void;
  /** Says that the source is read no more. */
  stop(): Promise<void>;
}

/** Looks at the state of a run every second, and leaves a sign of life there while it does. */
export async function followRun(
  { database, emit }: Pick<Context, 'database' | 'emit'>,
  runId: string,
  signal: AbortSignal,
): Promise<FollowedRun> {
  const producer = `${hostname()}/${process.pid}`;
  const cancelled = new AbortController();
  const { change, wake } = createCondition();
  const known = await knownSchema();
  let newer: string | null = null;
  let state: RunState | null = 'enqueueing';
  let looking: Promise<void> = Promise.resolve();

  const look = async (): Promise<void> => {
    // A service that is away is met by the producer's own writes.
    newer = await newerSchema(database, known).catch(() => newer);
    const seen = await beatProducer(database, runId, producer).catch(() => state);
    if (seen === 'paused' && state !== 'paused') emit({ type: 'reading-waits', run: runId });
    state = seen;
    if (state === 'cancelled' || state === null || newer !== null) cancelled.abort();
    if (state !== 'paused' || newer !== null) wake();
  };
  await look();
  const timer = setInterval(() => {
    looking = looking.then(look);
  }, LOOK_EVERY_MS);
  timer.unref();
  signal.addEventListener('abort', wake, { once: true });

  return {
    signal: AbortSignal.any([signal, cancelled.signal]),
    async whilePaused() {
      while (state === 'paused' && newer === null && !signal.aborted) await change();
    },
    throwIfCancelled() {
      if (!cancelled.signal.aborted) return;
      if (newer !== null && state !== null && state !== 'cancelled') {
        throw new DetoxqError(
          `the schema of this database has become newer (${newer}) than this detoxq, which stopped reading: run ${runId} ` +
            'keeps what was read; upgrade detoxq and go on',
          { code: 'version_outdated', data: { run: runId } },
        );
      }
      throw new DetoxqError(
        state === null
          ? `run ${runId} was deleted while its source was read: reading stopped`
          : `run ${runId} was cancelled: reading stopped, and the rows that are done are kept`,
      );
    },
    async stop() {
      clearInterval(timer);
      signal.removeEventListener('abort', wake);
      await looking;
      await look();
      await removeProducer(database, runId, producer).catch(() => {});
    },
  };
}
