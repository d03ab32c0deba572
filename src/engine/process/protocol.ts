import type { EngineIdentities, EngineOptions, EngineTimings } from '../../contract/engine.ts';
import type { ErrorDetails } from '../../contract/errors.ts';
import type { JsonObject, RowFault } from '../../contract/row.ts';

/** The program of an engine process, for `fork`. */
export const ENGINE_ENTRY = new URL(`./process${import.meta.url.endsWith('.ts') ? '.ts' : '.js'}`, import.meta.url);

/** Rows as an engine process gets them: in columns, and without what it does not need. In a group, a row is its position. */
export interface GroupRows {
  readonly texts: readonly string[];
  /** Left out where no row has any. */
  readonly metas?: readonly (JsonObject | null)[] | undefined;
}

/**
 * What became of rows of a group, in columns of equal length, and without what the supervisor has already. An object a row,
 * with its text and its key, took ten times as long to be taken apart and put together again.
 */
export interface GroupVerdicts {
  /** Positions in the group. */
  readonly indexes: readonly number[];
  /** Place in OUTCOMES; null for a fault. */
  readonly outcomes: readonly (number | null)[];
  readonly detoxified: readonly (string | null)[];
  readonly toxicityBefore: readonly (number | null)[];
  readonly toxicityAfter: readonly (number | null)[];
  readonly similarity: readonly (number | null)[];
  readonly tokensIn: readonly number[];
  readonly tokensOut: readonly number[];
  readonly cleared: readonly boolean[];
  /** Null: as it was. Left out where it is so for all. */
  readonly metas?: readonly (JsonObject | null)[] | undefined;
  /** Left out where there are none. */
  readonly faults?: readonly (RowFault | null)[] | undefined;
}

/** Supervisor to engine process. The engine works on groups one after the other, in the order in which they came. */
export type ToEngine =
  | { readonly type: 'start'; readonly options: EngineOptions }
  | { readonly type: 'group'; readonly groupId: number; readonly rows: GroupRows };

/** Engine process to supervisor. */
export type FromEngine =
  | ({ readonly type: 'ready'; readonly loadMs: number } & EngineIdentities)
  /** The models cannot be loaded: another process would fail the same way. */
  | { readonly type: 'refused'; readonly message: string; readonly details?: ErrorDetails | undefined }
  /** At work on a group, and getting on: now and then while no verdict is due. */
  | { readonly type: 'alive' }
  | { readonly type: 'verdicts'; readonly groupId: number; readonly verdicts: GroupVerdicts }
  | {
      readonly type: 'group-done';
      readonly groupId: number;
      readonly timings: EngineTimings;
      /** Resident memory of the process, now and at its highest. */
      readonly rssBytes: number;
      readonly peakRssBytes: number;
    }
  /** A model threw on this group; the process itself goes on. */
  | { readonly type: 'group-failed'; readonly groupId: number; readonly message: string };
