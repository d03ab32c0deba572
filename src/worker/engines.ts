import { availableParallelism } from 'node:os';
import type { EngineIdentities, EngineOptions, EngineTimings } from '../contract/engine.ts';
import { CheckpointError, DetoxqError } from '../contract/errors.ts';
import type { Log } from '../contract/log.ts';
import { createEngineSlot, type EngineSlot } from './engine-slot.ts';
import { createScheduler, type Scheduler } from './scheduler.ts';

/*
 * The engine processes of a worker, for one set of settings. Each has a slot, which keeps a process alive (engine-slot.ts).
 * One scheduler gives all of them rows (scheduler.ts). When no process can be had, the engines are given up as a whole.
 */

/** Digests of the weights that a run was started with. */
export interface ExpectedWeights {
  readonly scorer: string;
  readonly detoxifier: string;
  readonly prefilter?: string | undefined;
}

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

export interface Engines extends Pick<Scheduler, 'process' | 'callsWanted' | 'decidedRows'> {
  /** Resolves when the first process has its models; rejects when none can have them. */
  readonly ready: Promise<EngineIdentities>;
  readonly processes: number;
  /** Engine time spent since the last call, summed over processes. */
  takeTimings(): EngineTimings;
  /** Rejects open calls of `process` with an EnginesClosedError, and resolves when all processes have gone. */
  close(): Promise<void>;
}

export function createEngines(options: EnginesOptions): Engines {
  const { engine, entry, expected, log, onMemory } = options;
  const processes = options.processes ?? availableParallelism();

  const scheduler = createScheduler();
  const slots: EngineSlot[] = [];
  let givenUp = false;
  let timings: EngineTimings = { scoreMs: 0, rewriteMs: 0, textMs: 0 };
  let settleReady: { resolve(identities: EngineIdentities): void; reject(error: Error): void };
  const ready = new Promise<EngineIdentities>((resolve, reject) => {
    settleReady = { resolve, reject };
  });
  ready.catch(() => {});

  const giveUp = (error: Error): void => {
    if (givenUp) return;
    givenUp = true;
    settleReady.reject(error);
    scheduler.abandon(error);
    for (const slot of slots) void slot.close();
  };

  for (let index = 0; index < processes; index += 1) {
    const slot = createEngineSlot({
      engine,
      entry,
      hangAfterMs: options.hangAfterMs ?? 120_000,
      maxRssBytes: options.maxRssBytes ?? 3 * 2 ** 30,
      scheduler,
      log,
      onReady(identities) {
        const other = otherWeights(identities, expected);
        if (other === undefined) settleReady.resolve(identities);
        else giveUp(new CheckpointError(other));
      },
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
    process: scheduler.process,
    callsWanted: scheduler.callsWanted,
    decidedRows: scheduler.decidedRows,
    takeTimings() {
      const taken = timings;
      timings = { scoreMs: 0, rewriteMs: 0, textMs: 0 };
      return taken;
    },
    async close() {
      giveUp(new EnginesClosedError('The engines are closed.'));
      await Promise.all(slots.map((slot) => slot.close()));
    },
  };
}

/** What to say when other weights were loaded than the run was started with; undefined where they are the same. */
function otherWeights(present: EngineIdentities, expected: ExpectedWeights | undefined): string | undefined {
  for (const role of ['scorer', 'detoxifier', 'prefilter'] as const) {
    const wanted = expected?.[role];
    const loaded = present[role];
    if (wanted === undefined || loaded === undefined || loaded.digest === wanted) continue;
    return (
      `This machine's checkpoint ${loaded.name} (sha256 ${loaded.digest.slice(0, 12)}) is not the one the run ` +
      `was started with (${wanted.slice(0, 12)}): its results would not be comparable. Bring that checkpoint here.`
    );
  }
  return undefined;
}

/** The worker stops: rows in flight go back to the ledger. */
export class EnginesClosedError extends DetoxqError {
  override readonly name = 'EnginesClosedError';
}
