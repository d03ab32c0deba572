import type { EngineIdentities, EngineOptions, EngineTimings } from '../../contract/engine.ts';
import type { ErrorDetails } from '../../contract/errors.ts';
import type { JsonObject, RowFault } from '../../contract/row.ts';

/** The program of an engine process, for `fork`. */
export const ENGINE_ENTRY = new URL(`./process${import.meta.url.endsWith('.ts') ? '.ts' : '.js'}`, import.meta.url);

/**
 * Rows for an engine process, in columns and with only the fields that it needs. A row is identified by its position in the
 * group.
 */
export interface GroupRows {
  readonly texts: readonly string[];
  /** Absent if no row has any. */
  readonly metas?: readonly (JsonObject | null)[] | undefined;
}

/**
 * Verdicts on rows of a group, in columns of equal length, without the fields that the supervisor has already. One object per
 * row, with its text and its key, took ten times as long to serialize and parse.
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
  /** Null: unchanged. Absent if all are unchanged. */
  readonly metas?: readonly (JsonObject | null)[] | undefined;
  /** Absent if there are none. */
  readonly faults?: readonly (RowFault | null)[] | undefined;
}

/** Supervisor to engine process. The engine works on groups one after the other, in the order of their arrival. */
export type ToEngine =
  | { readonly type: 'start'; readonly options: EngineOptions }
  | { readonly type: 'group'; readonly groupId: number; readonly rows: GroupRows };

/** Engine process to supervisor. */
export type FromEngine =
  | ({ readonly type: 'ready'; readonly loadMs: number } & EngineIdentities)
  /** The models cannot be loaded: another process would fail the same way. */
  | { readonly type: 'refused'; readonly message: string; readonly details?: ErrorDetails | undefined }
  /** Work on a group makes progress. Sent at intervals while no verdict is ready. */
  | { readonly type: 'alive' }
  | { readonly type: 'verdicts'; readonly groupId: number; readonly verdicts: GroupVerdicts }
  | {
      readonly type: 'group-done';
      readonly groupId: number;
      readonly timings: EngineTimings;
      /** Resident memory of the process, at present and at its peak. */
      readonly rssBytes: number;
      readonly peakRssBytes: number;
    }
  /** A model threw an error on this group; the process continues. */
  | { readonly type: 'group-failed'; readonly groupId: number; readonly message: string };
