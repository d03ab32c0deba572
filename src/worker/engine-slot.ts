import type { EngineIdentities, EngineOptions, EngineTimings } from '../contract/engine.ts';
import { CheckpointError, DetoxqError } from '../contract/errors.ts';
import type { Log } from '../contract/log.ts';
import type { GroupVerdicts } from '../engine/index.ts';
import { verdictAt } from './check-verdict.ts';
import { type EngineProcess, startEngineProcess } from './engine-process.ts';
import { FIRST_GROUP_ROWS, nextGroupRows } from './group-size.ts';
import type { RowGroup, RowQueue, RowTicket } from './row-queue.ts';
import { createWatchdog } from './watchdog.ts';

/*
 * A slot holds one engine process after the other, and the groups of rows that the present one has:
 *
 *   starting ──ready──▶ ready ◀──────────────┐
 *      │                  │ over its memory  │ new process is ready
 *      │ died             ├──────▶ retiring ─┤ (last group done, process stopped)
 *      │                  │ died or hung     │
 *      └──────▶ starting ◀┘                  │
 *   `refused` (the models cannot be loaded) or three deaths in a row before `ready`: hopeless, and the engines are given up.
 *
 * Only the first group in flight of a dead process is suspected: the one behind it had not been started.
 */

const MAX_DEATHS_BEFORE_READY = 3;
/** To a group of a second, the few milliseconds until the next one comes are nothing. */
const QUICK_GROUP_MS = 1000;

export interface EngineSlotDependencies {
  readonly engine: EngineOptions;
  readonly entry: URL | undefined;
  /** A process that is silent this long with rows in flight is killed. */
  readonly hangAfterMs: number;
  /** A process above this is replaced after its group. */
  readonly maxRssBytes: number;
  /** Where groups go when they end. */
  readonly queue: RowQueue;
  readonly log: Log;
  readonly onReady: (identities: EngineIdentities) => void;
  /** Rows can be sent, here or (those that this slot gave back) elsewhere. */
  readonly onRoom: () => void;
  /** What a group took, and the resident memory of its process at the highest so far. */
  readonly onSpent: (timings: EngineTimings, peakRssBytes: number) => void;
  /** No process can be had. */
  readonly onHopeless: (error: Error) => void;
}

export interface EngineSlot {
  state(): 'starting' | 'ready' | 'retiring';
  readonly inFlight: readonly RowGroup[];
  /** The size of a group that keeps the process busy for a good while. */
  groupRows(): number;
  /** Whether the last group took less time than is lost between two by the way. */
  isQuick(): boolean;
  send(tickets: readonly RowTicket[], suspect: boolean): void;
  /** For good: rows in flight are abandoned with this error. Resolves when the process has gone. */
  close(error: Error): Promise<void>;
}

export function createEngineSlot(dependencies: EngineSlotDependencies): EngineSlot {
  const { hangAfterMs, maxRssBytes, queue, log, onReady, onRoom, onSpent, onHopeless } = dependencies;
  let state: ReturnType<EngineSlot['state']> = 'starting';
  let closed = false;
  let deathsBeforeReady = 0;
  /** Never used again for another process: answers of a dead one may still be on their way. */
  let nextGroupId = 0;
  let groupRows = FIRST_GROUP_ROWS;
  let groupStartedAt = 0;
  let lastGroupMs = Number.POSITIVE_INFINITY;
  const inFlight: RowGroup[] = [];
  const watchdog = createWatchdog(hangAfterMs, () => engine.kill('hung'));

  const watch = (): void => {
    if (inFlight.length > 0) watchdog.restart();
    else watchdog.stop();
  };

  const takeGroup = (groupId: number): RowGroup | undefined => {
    const at = inFlight.findIndex((candidate) => candidate.id === groupId);
    const [group] = at < 0 ? [] : inFlight.splice(at, 1);
    watch();
    return group;
  };

  const endGroup = (group: RowGroup): void => {
    const now = performance.now();
    lastGroupMs = now - groupStartedAt;
    groupRows = nextGroupRows(groupRows, group.tickets.length, lastGroupMs);
    groupStartedAt = now;
    const bad = group.tickets.some((ticket) => ticket.badAnswer);
    queue.settle(
      group,
      bad
        ? { code: 'engine_bad_answer', message: 'The engine process gave an answer that cannot be stored.' }
        : { code: 'engine_no_answer', message: 'The engine process left this row out.' },
    );
  };

  const retireIfTooLarge = (rssBytes: number): void => {
    if (rssBytes > maxRssBytes) {
      log.warn({ pid: engine.pid, rssBytes, maxRssBytes }, 'engine process is over its memory budget: replaced');
      state = 'retiring';
    }
    if (state === 'retiring' && inFlight.length === 0) {
      void engine.stop().then(() => {
        if (!closed) engine = start();
      });
    }
  };

  const onDeath = (reason: string): void => {
    if (closed) return;
    watchdog.stop();
    log.warn({ pid: engine.pid, reason, rows: inFlight[0]?.tickets.length ?? 0 }, 'engine process died');
    if (state === 'starting') {
      deathsBeforeReady += 1;
      if (deathsBeforeReady >= MAX_DEATHS_BEFORE_READY) {
        onHopeless(new DetoxqError(`Engine processes end before they are ready (${reason}). Is there enough memory?`));
        return;
      }
    }
    const [begun, ...behind] = inFlight.splice(0);
    for (const group of behind) queue.putBack(group);
    if (begun !== undefined) {
      const code = reason === 'hung' ? 'engine_hung' : 'engine_crashed';
      queue.settle(begun, { code, message: `The engine process ended while it worked on this row: ${reason}.` });
    }
    engine = start();
    onRoom();
  };

  const start = (): EngineProcess => {
    state = 'starting';
    const started = startEngineProcess(
      dependencies.engine,
      {
        onAlive: watch,
        onVerdicts(groupId, verdicts) {
          watch();
          const group = inFlight.find((candidate) => candidate.id === groupId);
          if (group !== undefined) answer(group, verdicts);
        },
        onGroupDone(groupId, timings, rssBytes, peakRssBytes) {
          const group = takeGroup(groupId);
          if (group === undefined) return;
          onSpent(timings, peakRssBytes);
          endGroup(group);
          retireIfTooLarge(rssBytes);
          onRoom();
        },
        onGroupFailed(groupId, message) {
          const group = takeGroup(groupId);
          if (group === undefined) return;
          const { pid } = started;
          log.warn({ pid, rows: group.tickets.length, reason: message }, 'a model failed on a group of rows');
          queue.settle(group, {
            code: 'model_failed',
            message: `The model failed on this row: ${message.slice(0, 300)}`,
          });
          onRoom();
        },
        onDeath,
      },
      dependencies.entry,
    );
    started.ready.then(
      (identities) => {
        if (closed) return;
        state = 'ready';
        deathsBeforeReady = 0;
        onReady(identities);
      },
      (error: Error) => {
        // A death before `ready` comes through onDeath; here only models that cannot be loaded end everything.
        if (error instanceof CheckpointError) onHopeless(error);
      },
    );
    return started;
  };

  let engine = start();

  return {
    state: () => state,
    inFlight,
    groupRows: () => groupRows,
    isQuick: () => lastGroupMs < QUICK_GROUP_MS,
    send(tickets, suspect) {
      const group: RowGroup = { id: nextGroupId++, tickets, suspect };
      if (inFlight.length === 0) groupStartedAt = performance.now();
      inFlight.push(group);
      engine.submit(
        group.id,
        tickets.map((ticket) => ticket.row),
      );
      watch();
    },
    async close(error) {
      closed = true;
      watchdog.stop();
      queue.abandon(inFlight.splice(0), error);
      await engine.stop();
    },
  };
}

function answer(group: RowGroup, verdicts: GroupVerdicts): void {
  for (const [at, index] of verdicts.indexes.entries()) {
    const ticket = group.tickets[index];
    // The first answer counts: a second one for the same row would be a fault of the engine.
    if (ticket === undefined || ticket.verdict !== undefined) continue;
    ticket.verdict = verdictAt(verdicts, at, ticket.row);
    ticket.badAnswer = ticket.verdict === undefined;
  }
}
