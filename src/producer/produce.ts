import { setTimeout as sleep } from 'node:timers/promises';
import { DatasetError, ServiceError, UsageError } from '../contract/errors.ts';
import { type ChunkRow, isRejected } from '../contract/row.ts';
import { type ChunkQueue, jobOf } from '../queue/queue.ts';
import { createChunker, type PackedChunk } from './chunker.ts';
import type { Dataset } from './dataset.ts';

/** The ledger of one run. Both methods may be called again with the same arguments after a ServiceError. */
interface ChunkLedger {
  /** Commits the chunks; those that are there already stay as they are. */
  appendChunks(chunks: readonly PackedChunk[]): Promise<void>;
  /** Notes that every chunk is in the ledger. */
  finishEnqueue(totals: { readonly rowsTotal: number; readonly chunksTotal: number }): Promise<unknown>;
}

export interface ProduceProgress {
  /** In the ledger and the queue, including those before a resume. */
  readonly rows: number;
  readonly chunks: number;
  readonly bytesRead: number;
  /** Null for a pipe. */
  readonly bytesTotal: number | null;
  /** What the producer waits for now: that workers empty the queue, or that Postgres or Redis come back. */
  readonly waitingFor: 'workers' | 'services' | null;
}

export interface Produced {
  /** False when it was stopped by its signal: the run can be resumed. */
  readonly finished: boolean;
  /** In the ledger and the queue, including those before a resume. */
  readonly rows: number;
  readonly chunks: number;
  /** Rows that this call could not read, by code. */
  readonly rejected: Readonly<Record<string, number>>;
  /** Rows of this call without a visible character: their outcome will be `clean`. */
  readonly blank: number;
}

export interface ProduceOptions {
  readonly dataset: Dataset;
  readonly runId: string;
  readonly ledger: ChunkLedger;
  readonly queue: Pick<ChunkQueue, 'add' | 'depth'>;
  /** Rows of a chunk. Default 256: 1 to 10 s of work on a CPU. */
  readonly chunkRows?: number | undefined;
  /** The producer pauses while the queue holds this many chunks. Default `HIGH_WATER_CHUNKS`. */
  readonly highWaterChunks?: number | undefined;
  /** Awaited before each write: it holds the producer back while the run is paused. Default: nothing holds it back. */
  readonly gate?: (() => Promise<void>) | undefined;
  /** What the ledger already has of the run, without a gap. These rows are skipped. Default: none. */
  readonly resumeFrom?: { readonly rows: number; readonly chunks: number } | undefined;
  readonly onProgress?: ((progress: ProduceProgress) => void) | undefined;
  /** Stops after the chunks that are being written. */
  readonly signal?: AbortSignal | undefined;
  /** Waits for `ms`, or until the signal comes. For tests. */
  readonly wait?: ((ms: number, signal: AbortSignal) => Promise<unknown>) | undefined;
}

/** Back-pressure: a producer pauses while so many chunks wait or are in work. They take 10 to 30 MB of Redis. */
export const HIGH_WATER_CHUNKS = 1_000;
/** Chunks in one statement and one call of the queue: about half a megabyte… */
const CHUNKS_PER_WRITE = 16;
/** …or fewer large chunks. */
const BYTES_PER_WRITE = 4 * 1024 * 1024;
const DEPTH_POLL_MS = 250;
/** Pauses between tries of a failing service, about a minute in all: enough for a restart, not for an outage. */
const SERVICE_RETRY_MS = [500, 1_000, 2_000, 4_000, 8_000, 15_000, 30_000];

/**
 * Reads a dataset to its end into the ledger and the queue of a run.
 *
 * A chunk is committed to the ledger before it is added to the queue. So a producer that dies may leave chunks without a
 * job, which the reconciler adds, but never a job without its chunk. While one write is under way, the next rows are read.
 *
 * @throws DatasetError when the rest of the dataset cannot be read: the rows before are enqueued, and the run stays
 *   `enqueueing`. ServiceError when Postgres or Redis fail for more than a minute: the run can be resumed.
 */
export async function produce(options: ProduceOptions): Promise<Produced> {
  const { dataset, runId, ledger, queue, onProgress } = options;
  const {
    chunkRows = 256,
    highWaterChunks = HIGH_WATER_CHUNKS,
    gate = async () => {},
    resumeFrom = { rows: 0, chunks: 0 },
    wait = pause,
  } = options;
  const signal = options.signal ?? new AbortController().signal;
  if (!Number.isSafeInteger(chunkRows) || chunkRows < 1) throw new UsageError('--chunk-rows is a whole number above 0');

  const chunker = createChunker(chunkRows, resumeFrom.chunks);
  let { rows, chunks } = resumeFrom;
  let blank = 0;
  const rejected: Record<string, number> = {};
  let underWay: Promise<void> = Promise.resolve();

  function report(waitingFor: ProduceProgress['waitingFor']): void {
    onProgress?.({ rows, chunks, bytesRead: dataset.bytesRead(), bytesTotal: dataset.bytesTotal, waitingFor });
  }

  /** Tries again while a service is away. */
  async function insist<T>(work: () => Promise<T>): Promise<T> {
    for (const pauseMs of SERVICE_RETRY_MS) {
      try {
        return await work();
      } catch (error) {
        if (!(error instanceof ServiceError) || signal.aborted) throw error;
        report('services');
        await wait(pauseMs, signal);
      }
    }
    return work();
  }

  async function write(together: readonly PackedChunk[]): Promise<void> {
    for (;;) {
      await gate();
      if (signal.aborted) return;
      if ((await insist(() => queue.depth())) < highWaterChunks) break;
      report('workers');
      await wait(DEPTH_POLL_MS, signal);
    }
    if (signal.aborted) return;
    await insist(() => ledger.appendChunks(together));
    for (const chunk of together) rows += chunk.rowCount;
    chunks += together.length;
    await insist(() => queue.add(together.map((chunk) => jobOf(runId, chunk))));
    report(null);
  }

  async function writeAll(packed: readonly PackedChunk[]): Promise<void> {
    for (const together of writesOf(packed)) {
      if (signal.aborted) return;
      await underWay;
      underWay = write(together);
      // Its error is handled where it is awaited.
      underWay.catch(() => {});
    }
  }

  function take(row: ChunkRow): void {
    if (isRejected(row)) rejected[row.fault.code] = (rejected[row.fault.code] ?? 0) + 1;
    else if (row.text.trim() === '') blank += 1;
    chunker.add(row);
  }

  const stop = () => dataset.close();
  signal.addEventListener('abort', stop, { once: true });
  // A signal that came before is told to no listener, and the source may never give a row.
  if (signal.aborted) stop();
  try {
    for await (const read of dataset.read(resumeFrom.rows)) {
      if (signal.aborted) break;
      for (const row of read) take(row);
      await writeAll(chunker.takeFull());
    }
  } catch (error) {
    // Reading a pipe that `stop` closed fails; that is not a fault.
    if (!signal.aborted) {
      if (!(error instanceof DatasetError)) throw error;
      await writeAll(chunker.takeAll());
      await underWay;
      throw new DatasetError(
        `${error.message} (run ${runId} holds the ${rows.toLocaleString('en')} rows before, and stays unfinished)`,
        { cause: error },
      );
    }
  } finally {
    signal.removeEventListener('abort', stop);
  }
  await writeAll(chunker.takeAll());
  await underWay;
  if (signal.aborted) return { finished: false, rows, chunks, rejected, blank };
  await insist(() => ledger.finishEnqueue({ rowsTotal: rows, chunksTotal: chunks }));
  return { finished: true, rows, chunks, rejected, blank };
}

function writesOf(packed: readonly PackedChunk[]): PackedChunk[][] {
  const writes: PackedChunk[][] = [];
  let bytes = 0;
  for (const chunk of packed) {
    const last = writes.at(-1);
    bytes += chunk.payload.length;
    if (last !== undefined && last.length < CHUNKS_PER_WRITE && bytes <= BYTES_PER_WRITE) last.push(chunk);
    else {
      writes.push([chunk]);
      bytes = chunk.payload.length;
    }
  }
  return writes;
}

async function pause(ms: number, signal: AbortSignal): Promise<void> {
  await sleep(ms, undefined, { signal }).catch(() => {});
}
