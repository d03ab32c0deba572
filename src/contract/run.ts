import type { Outcome } from './outcome.ts';
import type { JsonObject } from './row.ts';

/**
 * State of a run.
 * - `enqueueing`: the producer is (or was, if it died) reading the source
 * - `running`: every chunk is in the ledger
 * - `done`: every chunk is done
 * - `paused`, `cancelled`: by the user
 */
export type RunState = 'enqueueing' | 'running' | 'paused' | 'done' | 'cancelled';

/** What was read. It suffices to notice that a source changed before a resume. */
export interface RunSource {
  /** Absolute paths, or `-` for standard input. */
  readonly files: readonly {
    readonly path: string;
    readonly sizeBytes: number | null;
    readonly modifiedAt: string | null;
  }[];
  /** The reader's options, as the producer takes them. */
  readonly options: JsonObject;
}

export interface Run {
  readonly id: string;
  readonly name: string | null;
  readonly state: RunState;
  readonly source: RunSource;
  /** As they are stored, perhaps by a newer version: read them by `knownSettings` to compute rows, by `shownSettings` to show them. */
  readonly settings: unknown;
  /** Features that a worker must know (features.ts). */
  readonly requires: readonly string[];
  readonly settingsHash: string;
  /** Null until the source has been read to its end. */
  readonly rowsTotal: number | null;
  readonly chunksTotal: number | null;
  readonly createdAt: Date;
  readonly finishedAt: Date | null;
}

export interface RunProgress {
  readonly runId: string;
  readonly state: RunState;
  /** Rows in the ledger so far; the total once the run is `running`. */
  readonly rowsEnqueued: number;
  readonly rowsTotal: number | null;
  /** Rows of done chunks, row errors among them. */
  readonly rowsDone: number;
  readonly rowErrors: number;
  readonly chunksQueued: number;
  readonly chunksActive: number;
  readonly chunksDone: number;
  readonly outcomes: Readonly<Record<Outcome, number>>;
}
