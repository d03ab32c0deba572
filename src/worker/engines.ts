import { availableParallelism } from 'node:os';

import { CheckpointError, DetoxqError } from '../contract/errors.ts';
import type { Log } from '../contract/log.ts';
import type { SourceRow } from '../contract/row.ts';
import type { EngineOptions, EngineTimings, PooledVerdict, RowVerdict } from '../engine/protocol.ts';
import { isVerdictOf } from './check-verdict.ts';
import { type EngineIdentities, type EngineProcess, startEngineProcess } from './engine-process.ts';
import { createRowQueue, type RowGroup, type RowTicket } from './row-queue.ts';

/*
 * The engine processes of a worker, and the rows they work on.
 *
 * A slot holds one process:
 *
 *   starting ──ready──▶ ready ◀──────────────┐
 *      │                  │ over its memory  │ new process is ready
 *      │ died             ├──────▶ retiring ─┤ (last group done, process stopped)
 *      │                  │ died or hung     │
 *      └──────▶ starting ◀┘                  │
 *   `refused` (the models cannot be loaded) or three deaths in a row before `ready`: all slots are given up.
 *
 * A group of rows on its way (row-queue.ts keeps the waiting ones):
 *
 *   waiting ──▶ in flight ──every row answered──▶ settled
 *                  │ its process died, hung, threw, or left rows out
 *                  └──▶ halves wait as suspects, each alone in a process ──▶ one row, twice at fault ──▶ a row error
 *
 * Only the first group in flight of a dead process is suspected: the one behind it had not been begun.
 */

/**
 * Groups are sized to take about this long, so that two of them end within a drain and one still fills its batches: with
 * models of base size, 64 rows a group (3 s) took 10 % more CPU time a row than 256 (10 s), and 512 saved no more.
 */
const GROUP_TARGET_MS = 10_000;
const FIRST_GROUP_ROWS = 256;
const MIN_GROUP_ROWS = 16;
const MAX_GROUP_ROWS = 2048;
/** One group in work, one waiting inside the process, so that it does not idle between two. */
const GROUPS_IN_FLIGHT = 2;
/** About a second's work. */
const SCARCE_SHARE = 8;
const MAX_DEATHS_BEFORE_READY = 3;

export interface EnginesOptions {
  readonly engine: EngineOptions;
  /** Digests of the weights that must be the ones loaded; others are refused. */
  readonly expected?: {
    readonly scorer: string;
    readonly detoxifier: string;
    readonly prefilter?: string | undefined;
  };
  /** Engine processes; default one a core. */
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
   * One verdict a row, in order. Rows that cannot be processed get a fault; the promise rejects only
   * when the engines are closed or given up, and then nothing was decided about these rows.
   */
  process(rows: readonly SourceRow[]): Promise<RowVerdict[]>;
  /** Engine time spent since the last call, summed over processes. */
  takeTimings(): EngineTimings;
  close(): Promise<void>;
}

interface Slot {
  engine: EngineProcess | undefined;
  state: 'starting' | 'ready' | 'retiring';
  readonly inFlight: RowGroup[];
  deathsBeforeReady: number;
  groupRows: number;
  groupStartedAt: number;
  watchdog: NodeJS.Timeout | undefined;
}

export function createEngines(options: EnginesOptions): Engines {
  const { log } = options;
  const processes = options.processes ?? availableParallelism();
  const hangAfterMs = options.hangAfterMs ?? 120_000;
  const maxRssBytes = options.maxRssBytes ?? 3 * 2 ** 30;

  const queue = createRowQueue();
  const slots: Slot[] = [];
  let nextGroupId = 0;
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
    for (const slot of slots) {
      clearTimeout(slot.watchdog);
      queue.abandon(slot.inFlight.splice(0), error);
    }
    queue.abandon([], error);
    for (const slot of slots) void slot.engine?.stop();
  };

  const watch = (slot: Slot): void => {
    clearTimeout(slot.watchdog);
    if (slot.inFlight.length === 0 || givenUp !== undefined) return;
    const watchdog = setTimeout(() => {
      // After a stop of this process (SIGSTOP, a blocked loop), answers may be waiting to be read: they come first.
      setImmediate(() => {
        if (slot.watchdog === watchdog) slot.engine?.kill('hung');
      });
    }, hangAfterMs);
    watchdog.unref();
    slot.watchdog = watchdog;
  };

  const send = (slot: Slot, tickets: RowTicket[], suspect: boolean): void => {
    const group: RowGroup = { id: nextGroupId++, tickets, suspect };
    if (slot.inFlight.length === 0) slot.groupStartedAt = performance.now();
    slot.inFlight.push(group);
    slot.engine?.submit(
      group.id,
      tickets.map((ticket) => ticket.row),
    );
    watch(slot);
  };

  /** A slot with nothing in flight gets its share of what waits; what is then left is shared by fewer. */
  const feedIdle = (open: readonly Slot[]): void => {
    let sharers = open.length;
    for (const slot of open.filter(({ inFlight }) => inFlight.length === 0)) {
      const suspects = queue.takeSuspects();
      const tickets = suspects ?? queue.take(Math.min(Math.ceil(queue.waiting() / sharers), slot.groupRows));
      if (tickets.length > 0) send(slot, tickets, suspects !== undefined);
      sharers -= 1;
    }
  };

  /** Where too few rows wait for a whole group each, little is taken in advance: else the last rows would be shared badly. */
  const feedAhead = (open: readonly Slot[]): void => {
    for (const slot of open) {
      const { inFlight, groupRows } = slot;
      if (inFlight.length === 0 || inFlight.length >= GROUPS_IN_FLIGHT || inFlight.some(({ suspect }) => suspect))
        continue;
      const isScarce = queue.waiting() < groupRows * open.length;
      const tickets = queue.take(isScarce ? Math.ceil(groupRows / SCARCE_SHARE) : groupRows);
      if (tickets.length > 0) send(slot, tickets, false);
    }
  };

  const feed = (): void => {
    if (givenUp !== undefined) return;
    const open = slots.filter((slot) => slot.state === 'ready');
    feedIdle(open);
    feedAhead(open);
  };

  const adaptGroupSize = (slot: Slot, rows: number): void => {
    const ms = performance.now() - slot.groupStartedAt;
    slot.groupStartedAt = performance.now();
    if (rows < MIN_GROUP_ROWS) return;
    const wanted = Math.round((GROUP_TARGET_MS / Math.max(ms, 1)) * rows);
    const stepped = Math.min(Math.max(wanted, slot.groupRows / 2), slot.groupRows * 2);
    slot.groupRows = Math.round(Math.min(Math.max(stepped, MIN_GROUP_ROWS), MAX_GROUP_ROWS));
  };

  const restart = (slot: Slot): void => {
    slot.state = 'starting';
    slot.engine = start(slot);
  };

  const start = (slot: Slot): EngineProcess => {
    const engine = startEngineProcess(
      options.engine,
      {
        onAlive: () => watch(slot),
        onVerdicts: (groupId, verdicts) => {
          watch(slot);
          const group = slot.inFlight.find((candidate) => candidate.id === groupId);
          if (group !== undefined) answer(group, verdicts);
        },
        onPoolDone: (groupId, spent, rssBytes, peakRssBytes) => {
          const group = takeGroup(slot, groupId);
          if (group === undefined) return;
          timings = {
            scoreMs: timings.scoreMs + spent.scoreMs,
            rewriteMs: timings.rewriteMs + spent.rewriteMs,
            textMs: timings.textMs + spent.textMs,
          };
          options.onMemory?.(peakRssBytes);
          adaptGroupSize(slot, group.tickets.length);
          const bad = group.tickets.some((ticket) => ticket.badAnswer);
          queue.settle(
            group,
            bad
              ? { code: 'engine_bad_answer', message: 'The engine process gave an answer that cannot be stored.' }
              : { code: 'engine_no_answer', message: 'The engine process left this row out.' },
          );
          if (rssBytes > maxRssBytes) {
            log.warn({ pid: engine.pid, rssBytes, maxRssBytes }, 'engine process is over its memory budget: replaced');
            slot.state = 'retiring';
          }
          if (slot.state === 'retiring' && slot.inFlight.length === 0) {
            void engine.stop().then(() => {
              if (givenUp === undefined) restart(slot);
            });
          }
          feed();
        },
        onPoolFailed: (groupId, message) => {
          const group = takeGroup(slot, groupId);
          if (group === undefined) return;
          log.warn(
            { pid: engine.pid, rows: group.tickets.length, reason: message },
            'a model failed on a group of rows',
          );
          queue.settle(group, {
            code: 'model_failed',
            message: `The model failed on this row: ${message.slice(0, 300)}`,
          });
          feed();
        },
        onDeath: (reason) => onDeath(slot, engine, reason),
      },
      options.entry,
    );
    engine.ready.then(
      (identities) => {
        const other = otherWeights(identities, options.expected);
        if (other !== undefined) {
          giveUp(new CheckpointError(other));
          return;
        }
        slot.state = 'ready';
        slot.deathsBeforeReady = 0;
        settleReady.resolve(identities);
        feed();
      },
      (error: Error) => {
        // A death before `ready` comes through onDeath; here only models that cannot be loaded end everything.
        if (error instanceof CheckpointError) giveUp(error);
      },
    );
    return engine;
  };

  const takeGroup = (slot: Slot, groupId: number): RowGroup | undefined => {
    const at = slot.inFlight.findIndex((candidate) => candidate.id === groupId);
    const [group] = at < 0 ? [] : slot.inFlight.splice(at, 1);
    watch(slot);
    return group;
  };

  const onDeath = (slot: Slot, engine: EngineProcess, reason: string): void => {
    if (givenUp !== undefined) return;
    clearTimeout(slot.watchdog);
    log.warn({ pid: engine.pid, reason, rows: slot.inFlight[0]?.tickets.length ?? 0 }, 'engine process died');
    if (slot.state === 'starting') {
      slot.deathsBeforeReady += 1;
      if (slot.deathsBeforeReady >= MAX_DEATHS_BEFORE_READY) {
        giveUp(new DetoxqError(`Engine processes end before they are ready (${reason}). Is there enough memory?`));
        return;
      }
    }
    const [begun, ...behind] = slot.inFlight.splice(0);
    for (const group of behind) queue.putBack(group);
    if (begun !== undefined) {
      const code = reason === 'hung' ? 'engine_hung' : 'engine_crashed';
      queue.settle(begun, { code, message: `The engine process ended while it worked on this row: ${reason}.` });
    }
    restart(slot);
    feed();
  };

  for (let index = 0; index < processes; index += 1) {
    const slot: Slot = {
      engine: undefined,
      state: 'starting',
      inFlight: [],
      deathsBeforeReady: 0,
      groupRows: FIRST_GROUP_ROWS,
      groupStartedAt: 0,
      watchdog: undefined,
    };
    slots.push(slot);
    restart(slot);
  }

  return {
    ready,
    processes,
    process(rows) {
      if (givenUp !== undefined) return Promise.reject(givenUp);
      const done = queue.add(rows);
      feed();
      return done;
    },
    takeTimings() {
      const taken = timings;
      timings = { scoreMs: 0, rewriteMs: 0, textMs: 0 };
      return taken;
    },
    async close() {
      giveUp(new EnginesClosedError('The engines are closed.'));
      await Promise.all(slots.map((slot) => slot.engine?.stop()));
    },
  };
}

/** The worker stops: rows in flight go back to the ledger. */
export class EnginesClosedError extends DetoxqError {
  override readonly name = 'EnginesClosedError';
}

function otherWeights(present: EngineIdentities, expected: EnginesOptions['expected']): string | undefined {
  for (const role of ['scorer', 'detoxifier', 'prefilter'] as const) {
    const wanted = expected?.[role];
    const loaded = present[role];
    if (wanted === undefined || loaded === undefined || loaded.digest === wanted) continue;
    return (
      `This machine's checkpoint ${loaded.name} (sha256 ${loaded.digest.slice(0, 12)}) is not the one the run ` +
      `was begun with (${wanted.slice(0, 12)}): its results would not be comparable. Bring that checkpoint here.`
    );
  }
  return undefined;
}

function answer(group: RowGroup, verdicts: readonly PooledVerdict[]): void {
  for (const { index, verdict } of verdicts) {
    const ticket = group.tickets[index];
    // The first answer counts: a second one for the same row would be a fault of the engine.
    if (ticket === undefined || ticket.verdict !== undefined) continue;
    if (isVerdictOf(ticket.row, verdict)) ticket.verdict = verdict;
    else ticket.badAnswer = true;
  }
}
