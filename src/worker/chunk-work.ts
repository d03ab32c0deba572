import { DamagedPayloadError } from '../contract/chunk.ts';
import type { Claim } from '../contract/claim.ts';
import { UnsupportedRunError } from '../contract/errors.ts';
import { knownSettings } from '../contract/features.ts';
import type { Log } from '../contract/log.ts';
import type { FailedRow, RowResult, RowVerdict } from '../contract/outcome.ts';
import { type ChunkRow, isRejected, type RejectedRow, type RowFault, type SourceRow } from '../contract/row.ts';
import type { Run } from '../contract/run.ts';
import type { RunSettings } from '../contract/settings.ts';
import { noteDecoded, noteDecoding } from '../store/chunk-faults.ts';
import type { Database } from '../store/database.ts';
import { modelId } from '../store/models.ts';
import { finishRunIfDone, getRun } from '../store/runs.ts';
import { forgetSlices } from '../store/suspect-slices.ts';
import type { WorkerProblem } from '../store/workers.ts';
import { rowsOfChunk } from './chunk-payload.ts';
import { createClaims } from './claims.ts';
import type { EnginesBySettings } from './engines-by-settings.ts';
import { createGatherer } from './gather.ts';
import { chunkFault, damagedPayload, reasonToGiveUp, rowErrorsOf } from './give-up.ts';
import { createGate, isSuspect, trySuspect } from './suspects.ts';
import { CHUNKS_TOGETHER, createResultWriter, type Decided } from './write-results.ts';

/*
 * What a worker does with a chunk, from its delivery to its completion:
 *
 *   delivered ──claim──▶ claimed ──engines──▶ decided ──one statement──▶ done
 *       │                   │                    │ the claim is no longer ours: nothing is written
 *       │ done, paused,     │ the worker stops, or the engines are given up
 *       │ cancelled         ▼
 *       ▼                handed back (the ledger calls it queued again; its attempt does not count)
 *    nothing to do
 *
 * A chunk that was claimed too often without being handed back is suspect: it is worked on alone, as suspects.ts says. A
 * worker that dies leaves the chunk `active` in the ledger. The queue delivers the job again, and the next claim takes over.
 */

/**
 * Bytes of the rows in work, before they are deflated: texts, keys and other columns. This is a thousand ordinary chunks. It
 * bounds the memory of a worker where rows are large.
 */
const MOST_BYTES_IN_WORK = 64 * 1024 * 1024;

export interface ChunkWorkDependencies {
  readonly database: Database;
  readonly engines: EnginesBySettings;
  /** Name of this worker in the ledger. */
  readonly workerName: string;
  /** This worker, for messages. */
  readonly who: string;
  /** Features that it knows. */
  readonly knows: readonly string[];
  readonly log: Log;
  /** Once it comes, work no longer waits for Postgres. */
  readonly stopping: AbortSignal;
}

export interface DeliveredChunk {
  readonly runId: string;
  readonly chunkNo: number;
  /** As `packRows` gives them. */
  readonly payload: Uint8Array;
}

export interface ChunkWork {
  /**
   * Settles a chunk, or finds that there is nothing to do.
   * @throws when the chunk could not be settled: it was handed back, and the queue may deliver it again
   */
  settle(chunk: DeliveredChunk): Promise<void>;
  /** Rows of chunks that are decided and not written yet, and of those that were written. */
  rows(): { writing: number; stored: number };
  /** Results that wait because Postgres does not take them now, for `status`; null when there are none. */
  waiting(): WorkerProblem | null;
}

interface Frozen {
  readonly run: Run & { readonly settings: RunSettings };
  readonly scorerId: number;
  readonly prefilterId: number | null;
  readonly detoxifierId: number;
}

export function createChunkWork(dependencies: ChunkWorkDependencies): ChunkWork {
  const { database, engines, workerName, who, knows, log, stopping } = dependencies;
  // The settings of a run never change, so they are read once; a failed read is tried again.
  const frozen = new Map<string, Promise<Frozen>>();
  const readFrozen = (runId: string): Promise<Frozen> => {
    const known = frozen.get(runId);
    if (known !== undefined) return known;
    const reading = (async () => {
      const stored = await getRun(database, runId);
      const run = { ...stored, settings: knownSettings(stored, who, knows) };
      const scorerId = await modelId(database, run.settings.scorer);
      const detoxifierId = await modelId(database, run.settings.detoxifier);
      const { prefilter } = run.settings;
      const prefilterId = prefilter === undefined ? null : await modelId(database, prefilter.scorer);
      return { run, scorerId, detoxifierId, prefilterId };
    })();
    frozen.set(runId, reading);
    reading.catch(() => frozen.delete(runId));
    return reading;
  };

  /** Null when the claim is no longer ours. */
  const decode = async (claim: Claim, delivered: Uint8Array): Promise<readonly ChunkRow[] | null> => {
    // The ledger is told first, so that decoding is known as the cause if this worker dies of it.
    if (isSuspect(claim) && !(await noteDecoding(database, claim))) return null;
    const rows = await rowsOfChunk({ database, log }, claim, delivered);
    if (isSuspect(claim)) await noteDecoded(database, claim);
    return rows;
  };

  /** Null when the claim is no longer ours. */
  const work = async (claim: Claim, delivered: Uint8Array): Promise<Decided | null> => {
    const { run, ...models } = await readFrozen(claim.runId);
    const giveUp = async (reason: RowFault): Promise<Decided> => {
      const { runId, chunkNo } = claim;
      log.warn({ runId, chunkNo, code: reason.code }, 'a chunk cannot be worked on: its rows are row errors');
      const errors = await rowErrorsOf({ database, log }, claim, delivered, reason);
      return { outcome: { results: [], errors, ...models, timingsMs: {} }, sources: new Map() };
    };
    const reason = reasonToGiveUp(claim);
    if (reason !== null) return giveUp(reason);
    let rows: readonly ChunkRow[] | null;
    try {
      rows = await decode(claim, delivered);
    } catch (error) {
      if (error instanceof DamagedPayloadError) return giveUp(damagedPayload(error));
      throw error;
    }
    if (rows === null) return null;
    const source = rows.filter((row): row is SourceRow => !isRejected(row));
    const startedMs = performance.now();
    const verdicts = await engines.use(run.settingsHash, run.settings, async (held) => {
      const decided = isSuspect(claim)
        ? await trySuspect({ database, log }, claim, source, held.process)
        : await held.process(source);
      return { decided, timings: held.takeTimings() };
    });
    if (verdicts.decided === null) return null;
    const { results, errors } = sortOut(rows, source, verdicts.decided, claim.attempts);
    const timingsMs = {
      ...roundAll({
        score: verdicts.timings.scoreMs,
        rewrite: verdicts.timings.rewriteMs,
        text: verdicts.timings.textMs,
      }),
      chunk: Math.round(performance.now() - startedMs),
    };
    const sources = new Map(source.map((row) => [row.rowNo, row]));
    return { outcome: { results, errors, ...models, timingsMs }, sources };
  };

  const claims = createClaims(database, workerName, knows, CHUNKS_TOGETHER);
  const memory = createByteBudget(MOST_BYTES_IN_WORK);
  const writer = createResultWriter({ database, log, stopping });
  const endIfDone = createGatherer(
    async (runIds: readonly string[]) => {
      for (const runId of new Set(runIds)) await finishRunIfDone(database, runId);
      return runIds;
    },
    { maxItems: Number.POSITIVE_INFINITY, maxUnderWay: 1 },
  );

  const finish = async (claim: Claim, delivered: Uint8Array): Promise<void> => {
    const { runId, chunkNo, claimNo } = claim;
    let written = false;
    const giveRoomBack = await memory.acquire(claim.unpackedBytes);
    try {
      const decided = await work(claim, delivered);
      if (decided !== null) written = await writer.write(claim, decided);
    } catch (error) {
      await claims.release(claim, chunkFault(error));
      throw error;
    } finally {
      giveRoomBack();
    }
    if (!written)
      log.warn({ runId, chunkNo, claim: claimNo }, 'this chunk was done or taken over meanwhile: nothing written');
    if (isSuspect(claim)) await forgetSlices(database, runId, chunkNo);
    await endIfDone(runId);
  };

  const gate = createGate();
  return {
    rows: writer.rows,
    waiting: writer.waiting,
    async settle({ runId, chunkNo, payload }) {
      const suspect = await gate.shared(async () => {
        const claim = await claims.claim({ runId, chunkNo });
        if (claim === 'unsupported')
          throw new UnsupportedRunError(`run ${runId} requires what ${who} does not know: upgrade it`);
        if (typeof claim === 'string') {
          log.debug({ runId, chunkNo, state: claim }, 'nothing to do for this chunk');
          // A worker that died after the last chunk's completion left this to the next one.
          if (claim === 'done') await endIfDone(runId);
          return null;
        }
        if (isSuspect(claim)) return claim;
        await finish(claim, payload);
        return null;
      });
      if (suspect !== null) await gate.alone(() => finish(suspect, payload));
    },
  };
}

function sortOut(
  rows: readonly ChunkRow[],
  worked: readonly SourceRow[],
  verdicts: readonly RowVerdict[],
  attempts: number,
): { results: RowResult[]; errors: FailedRow[] } {
  const rejected = rows.filter((row): row is RejectedRow => isRejected(row));
  const errors: FailedRow[] = rejected.map(({ rowNo, rowKey, fault }) => ({ rowNo, rowKey, ...fault, attempts: 1 }));
  const results: RowResult[] = [];
  for (const [index, verdict] of verdicts.entries()) {
    const { rowNo, rowKey } = verdict;
    const source = worked[index];
    if (!('fault' in verdict)) results.push(verdict);
    else errors.push({ rowNo, rowKey, ...verdict.fault, attempts, ...(source === undefined ? {} : { source }) });
  }
  return { results, errors };
}

function roundAll<Key extends string>(values: Readonly<Record<Key, number>>): Record<string, number> {
  return Object.fromEntries(Object.entries<number>(values).map(([key, ms]) => [key, Math.round(ms)]));
}

/** Bounds the bytes in memory. */
interface ByteBudget {
  /** Resolves when there is room, in the order of the calls, with a function that gives the room back. A request above the budget waits for all of it. */
  acquire(bytes: number): Promise<() => void>;
}

function createByteBudget(mostBytes: number): ByteBudget {
  let free = mostBytes;
  const waiting: { readonly bytes: number; admit(): void }[] = [];
  const admit = (): void => {
    for (let next = waiting[0]; next !== undefined && next.bytes <= free; next = waiting[0]) {
      waiting.shift();
      free -= next.bytes;
      next.admit();
    }
  };
  return {
    acquire: (asked) =>
      new Promise((resolve) => {
        const bytes = Math.min(asked, mostBytes);
        const release = (): void => {
          free += bytes;
          admit();
        };
        waiting.push({ bytes, admit: () => resolve(release) });
        admit();
      }),
  };
}
