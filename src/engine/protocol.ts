import type { GenerationOverrides } from '../contract/generation.ts';
import type { Device } from '../contract/model-device.ts';
import type { ModelIdentity, Precision } from '../contract/models.ts';
import type { RowResult } from '../contract/outcome.ts';
import type { RowFault, SourceRow } from '../contract/row.ts';

/** A checkpoint on this machine. */
export interface CheckpointSource {
  /** As the user named it; goes into the identity. */
  readonly name: string;
  readonly folder: string;
}

/** What an engine process is told once, when it starts. */
export interface EngineOptions {
  readonly scorer: CheckpointSource;
  readonly detoxifier: CheckpointSource;
  readonly prefilter?: (CheckpointSource & { readonly clearBelow: number }) | undefined;
  readonly precision: Precision;
  /** Default: the CPU. */
  readonly device?: Device;
  readonly threshold: number;
  readonly generation: GenerationOverrides;
  /** Template in which texts are put to the detoxifier. */
  readonly prompt: string;
  /** Where compiled graphs are kept. */
  readonly cacheFolder: string;
}

/** A row of a pool is done: it has a result, or our own text code failed on it. */
export type RowVerdict =
  | RowResult
  | { readonly rowNo: number; readonly rowKey: string | null; readonly fault: RowFault };

export interface PooledVerdict {
  /** Position of the row in the pool. */
  readonly index: number;
  readonly verdict: RowVerdict;
}

/** Time spent by the engine process, in milliseconds, since its last report. */
export interface EngineTimings {
  readonly scoreMs: number;
  readonly rewriteMs: number;
  readonly textMs: number;
}

/** Supervisor to engine process. The engine works on pools one after the other, in the order in which they came. */
export type ToEngine =
  | { readonly type: 'start'; readonly options: EngineOptions }
  | { readonly type: 'pool'; readonly poolId: number; readonly rows: readonly SourceRow[] };

/** Engine process to supervisor. */
export type FromEngine =
  | {
      readonly type: 'ready';
      readonly scorer: ModelIdentity;
      readonly detoxifier: ModelIdentity;
      readonly prefilter?: ModelIdentity | undefined;
      readonly loadMs: number;
    }
  /** The models cannot be loaded: another process would fail the same way. */
  | { readonly type: 'refused'; readonly message: string }
  /** At work on a pool, and getting on: now and then while no verdict is due. */
  | { readonly type: 'alive' }
  | { readonly type: 'verdicts'; readonly poolId: number; readonly verdicts: readonly PooledVerdict[] }
  | {
      readonly type: 'pool-done';
      readonly poolId: number;
      readonly timings: EngineTimings;
      /** Resident memory of the process, now and at its highest. */
      readonly rssBytes: number;
      readonly peakRssBytes: number;
    }
  /** A model threw on this pool; the process itself goes on. */
  | { readonly type: 'pool-failed'; readonly poolId: number; readonly message: string };
