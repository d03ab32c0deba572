import { availableParallelism } from 'node:os';
import type { EngineIdentities, EngineOptions, EngineTimings } from '../contract/engine.ts';
import { CheckpointError, DetoxqError } from '../contract/errors.ts';
import type { Log } from '../contract/log.ts';
import type { RowVerdict } from '../contract/outcome.ts';
import type { SourceRow } from '../contract/row.ts';
import { createEngineSlot, type EngineSlot } from './engine-slot.ts';
import { feedSlots } from './feed-slots.ts';
import { type ExpectedWeights, otherWeights } from './other-weights.ts';
import { createRowQueue } from './row-queue.ts';

/*
 * The engine processes of a worker: each has a slot (engine-slot.ts: its life), rows wait in one queue for all of them
 * (row-queue.ts: their way), and feed-slots.ts says which slot gets how many.
 */

/** Only calls of a few rows each would need more. */
const MOST_CALLS_PER_PROCESS = 128;

export interface EnginesOptions {
  readonly engine: EngineOptions;
  /** The weights that must be the ones loaded; others are refused. */
  readonly expected?: ExpectedWeights;
  /** Engine processes; default one per core. */
  readonly processes?: number;
  /** A process that is silent this long with rows in flight is killed. One that gets on says so. Default 120 s. */
  readonly hangAfterMs?: number;
  /** A process above this is replaced after its group. Default 3 GiB. */
  readonly maxRssBytes?: number;
  /** Called after each group with the resident memory of its process at the highest so far. */
  readonly onMemory?: ((peakRssBytes: number) => void) | undefined;
  readonly log: Log;
  /** Another module that speaks the engine protocol (tests, benchmarks of the queue). */
  readonly entry?: URL;
}

export interface Engines {
  /** Resolves when the first process has its models; rejects when none can have them. */
  readonly ready: Promise<EngineIdentities>;
  readonly processes: number;
  /**
   * One verdict a row, in order; equal texts are given to an engine process once. Rows that cannot be processed get a fault; the
   * promise rejects only when the engines are closed or given up, and then nothing was decided about these rows.
   */
  process(rows: readonly SourceRow[]): Promise<RowVerdict[]>;
  /**
   * Calls of `process` that should be open at a time, by the rows that they had so far: then every process finds a full
   * group. As soon as fewer are open, what waits is taken for the last and shared by all processes.
   */
  callsWanted(): number;
  /** Rows that are decided, of calls of `process` that are not. */
  decidedRows(): number;
  /** Engine time spent since the last call, summed over processes. */
  takeTimings(): EngineTimings;
  close(): Promise<void>;
}

export function createEngines(options: EnginesOptions): Engines {
  const { engine, entry, expected, log, onMemory } = options;
  const processes = options.processes ?? availableParallelism();

  const queue = createRowQueue();
  const slots: EngineSlot[] = [];
  let givenUp: Error | undefined;
  let timings: EngineTimings = { scoreMs: 0, rewriteMs: 0, textMs: 0 };
  let settleReady: { resolve(identities: EngineIdentities): void; reject(error: Error): void };
  const ready = new Promise<EngineIdentities>((resolve, reject) => {
    settleReady = { resolve, reject };
  });
  ready.catch(() => {});

  const giveUp = (error: Error): void => {
    if (givenUp !== undefined) return;
    givenUp = error;
    settleReady.reject(error);
    queue.abandon([], error);
    for (const slot of slots) void slot.close(error);
  };

  let openCalls = 0;
  let rowsOfCalls = 0;
  let calls = 0;
  // Who does not ask has no more to come.
  let wanted = Number.POSITIVE_INFINITY;
  const feed = (): void => {
    // Calls that have just been answered are still open: whoever made them has not come back yet.
    if (givenUp === undefined) feedSlots(slots, queue, openCalls >= wanted);
  };

  for (let index = 0; index < processes; index += 1) {
    const slot = createEngineSlot({
      engine,
      entry,
      hangAfterMs: options.hangAfterMs ?? 120_000,
      maxRssBytes: options.maxRssBytes ?? 3 * 2 ** 30,
      queue,
      log,
      onReady(identities) {
        const other = otherWeights(identities, expected);
        if (other === undefined) {
          settleReady.resolve(identities);
          feed();
        } else giveUp(new CheckpointError(other));
      },
      onRoom: feed,
      onSpent(spent, peakRssBytes) {
        timings = {
          scoreMs: timings.scoreMs + spent.scoreMs,
          rewriteMs: timings.rewriteMs + spent.rewriteMs,
          textMs: timings.textMs + spent.textMs,
        };
        onMemory?.(peakRssBytes);
      },
      onHopeless: giveUp,
    });
    slots.push(slot);
  }

  return {
    ready,
    processes,
    process(rows) {
      if (givenUp !== undefined) return Promise.reject(givenUp);
      openCalls += 1;
      const waitingBefore = queue.waiting();
      const done = queue.add(rows).finally(() => {
        openCalls -= 1;
      });
      // Rows of which an equal one is known, or on its way, fill no group.
      const filling = queue.waiting() - waitingBefore;
      if (filling > 0) calls += 1;
      rowsOfCalls += filling;
      feed();
      return done;
    },
    callsWanted() {
      const groupRows = slots.map((slot) => slot.groupRows());
      // A group for each process, and one more for the first of them to be done.
      const rows = groupRows.reduce((sum, each) => sum + each, Math.max(0, ...groupRows));
      // A call whose rows are in two groups stays open until both are done.
      const filling = calls === 0 ? 0 : Math.ceil((rows * calls) / rowsOfCalls) + slots.length;
      wanted = Math.min(filling, MOST_CALLS_PER_PROCESS * slots.length);
      return wanted;
    },
    decidedRows() {
      const inFlight = slots.flatMap((slot) => slot.inFlight).flatMap(({ tickets }) => tickets);
      return queue.decided() + inFlight.filter(({ verdict }) => verdict !== undefined).length;
    },
    takeTimings() {
      const taken = timings;
      timings = { scoreMs: 0, rewriteMs: 0, textMs: 0 };
      return taken;
    },
    async close() {
      const closed = new EnginesClosedError('The engines are closed.');
      giveUp(closed);
      await Promise.all(slots.map((slot) => slot.close(closed)));
    },
  };
}

/** The worker stops: rows in flight go back to the ledger. */
export class EnginesClosedError extends DetoxqError {
  override readonly name = 'EnginesClosedError';
}
