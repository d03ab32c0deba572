import type { EngineIdentities, EngineOptions, EngineTimings } from '../contract/engine.ts';
import { CheckpointError, DetoxqError } from '../contract/errors.ts';
import type { Log } from '../contract/log.ts';
import { type EngineProcess, startEngineProcess } from './engine-process.ts';
import type { Scheduler } from './scheduler.ts';

/*
 * A slot keeps one engine process alive, and starts another when it has gone. It tells the scheduler when the process takes
 * groups, and what it answers.
 *
 *   starting ──ready──▶ ready ◀──────────────┐
 *      │                  │ over its memory  │ new process is ready
 *      │ died             ├──────▶ retiring ─┤ (last group done, process stopped)
 *      │                  │ died or hung     │
 *      └──────▶ starting ◀┘                  │
 *   `refused` (the models cannot be loaded) or three deaths in a row before `ready`: hopeless, and the engines are given up.
 */

const MAX_DEATHS_BEFORE_READY = 3;

export interface EngineSlotDependencies {
  readonly engine: EngineOptions;
  readonly entry: URL | undefined;
  /** A process that is silent this long with rows in flight is killed. */
  readonly hangAfterMs: number;
  /** A process above this is replaced after its group. */
  readonly maxRssBytes: number;
  readonly scheduler: Scheduler;
  readonly log: Log;
  /** The process has its models. Rows are sent to it afterwards, unless the slot was closed. */
  readonly onReady: (identities: EngineIdentities) => void;
  /** What a group took, and the resident memory of its process at the highest so far. */
  readonly onSpent: (timings: EngineTimings, peakRssBytes: number) => void;
  /** No process can be had. */
  readonly onHopeless: (error: Error) => void;
}

export interface EngineSlot {
  /** For good. Resolves when the process has gone. */
  close(): Promise<void>;
}

export function createEngineSlot(dependencies: EngineSlotDependencies): EngineSlot {
  const { engine, entry, hangAfterMs, maxRssBytes, scheduler, log, onReady, onSpent, onHopeless } = dependencies;
  let state: 'starting' | 'ready' | 'retiring' = 'starting';
  let closed = false;
  let deathsBeforeReady = 0;
  const lane = scheduler.connect((groupId, rows) => present.submit(groupId, rows));

  const retireIfTooLarge = (rssBytes: number): void => {
    if (rssBytes <= maxRssBytes) return;
    log.warn({ pid: present.pid, rssBytes, maxRssBytes }, 'engine process is over its memory budget: replaced');
    state = 'retiring';
    lane.shut();
  };

  const replaceIfRetired = (): void => {
    if (state !== 'retiring' || lane.rowsInWork() > 0) return;
    void present.stop().then(() => {
      if (!closed) present = start();
    });
  };

  const onDeath = (reason: string): void => {
    if (closed) return;
    log.warn({ pid: present.pid, reason, rows: lane.rowsInWork() }, 'engine process died');
    if (state === 'starting') {
      deathsBeforeReady += 1;
      if (deathsBeforeReady >= MAX_DEATHS_BEFORE_READY) {
        onHopeless(new DetoxqError(`Engine processes end before they are ready (${reason}). Is there enough memory?`));
        return;
      }
    }
    const code = reason === 'hung' ? 'engine_hung' : 'engine_crashed';
    lane.lost({ code, message: `The engine process ended while it worked on this row: ${reason}.` });
    present = start();
  };

  const start = (): EngineProcess => {
    state = 'starting';
    const started = startEngineProcess(
      { engine, entry, hangAfterMs },
      {
        onVerdicts: lane.answer,
        onGroupDone(groupId, { timings, rssBytes, peakRssBytes }) {
          if (!lane.has(groupId)) return;
          onSpent(timings, peakRssBytes);
          // First, so that it gets no other group.
          retireIfTooLarge(rssBytes);
          lane.done(groupId);
          replaceIfRetired();
        },
        onGroupFailed(groupId, message) {
          if (!lane.has(groupId)) return;
          log.warn({ pid: started.pid, rows: lane.rowsInWork(), reason: message }, 'a model failed on a group of rows');
          lane.failed(groupId, {
            code: 'model_failed',
            message: `The model failed on this row: ${message.slice(0, 300)}`,
          });
          replaceIfRetired();
        },
        onDeath,
      },
    );
    started.ready.then(
      (identities) => {
        if (closed) return;
        state = 'ready';
        deathsBeforeReady = 0;
        onReady(identities);
        if (!closed) lane.open();
      },
      (error: Error) => {
        // A death before `ready` comes through onDeath; here only models that cannot be loaded end everything.
        if (error instanceof CheckpointError) onHopeless(error);
      },
    );
    return started;
  };

  let present = start();

  return {
    async close() {
      closed = true;
      lane.shut();
      await present.stop();
    },
  };
}
