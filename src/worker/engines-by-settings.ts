import type { RunSettings } from '../contract/settings.ts';
import { createCondition } from '../util/condition.ts';
import { type Engines, EnginesClosedError } from './engines.ts';

export interface EnginesBySettings {
  /**
   * Runs `work` with the engines of these settings. A machine holds the models of one set of settings at a time. Chunks of
   * another run with other models wait until the chunks in work are done.
   */
  use<T>(settingsHash: string, settings: RunSettings, work: (engines: Engines) => Promise<T>): Promise<T>;
  /** Of the present engines; 0 without any. */
  callsWanted(): number;
  decidedRows(): number;
  /** Rejects the work under way with an EnginesClosedError. */
  close(): Promise<void>;
}

interface Held {
  readonly hash: string;
  readonly engines: Engines;
  users: number;
  leaving: boolean;
}

export function createEnginesBySettings(open: (settings: RunSettings) => Engines): EnginesBySettings {
  let held: Held | undefined;
  let closed = false;
  const { change, wake } = createCondition();

  const discard = async (leaver: Held): Promise<void> => {
    leaver.leaving = true;
    await leaver.engines.close();
    if (held === leaver) held = undefined;
    wake();
  };

  const acquire = async (hash: string, settings: RunSettings): Promise<Held> => {
    for (;;) {
      if (closed) throw new EnginesClosedError('The engines are closed.');
      if (held === undefined) held = { hash, engines: open(settings), users: 0, leaving: false };
      if (held.hash === hash && !held.leaving) {
        held.users += 1;
        return held;
      }
      if (held.users === 0 && !held.leaving) await discard(held);
      else await change();
    }
  };

  return {
    async use(hash, settings, work) {
      const mine = await acquire(hash, settings);
      try {
        return await work(mine.engines);
      } catch (error) {
        // Engines that were given up are not used again: the next try opens new ones.
        mine.leaving = true;
        throw error;
      } finally {
        mine.users -= 1;
        if (mine.users === 0) {
          if (mine.leaving && held === mine) await discard(mine);
          wake();
        }
      }
    },
    callsWanted: () => held?.engines.callsWanted() ?? 0,
    decidedRows: () => held?.engines.decidedRows() ?? 0,
    async close() {
      closed = true;
      wake();
      if (held !== undefined) await discard(held);
    },
  };
}
