import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import { UsageError } from '../../src/contract/errors.ts';
import { type ChunkJob, type ChunkQueue, type Delivery, jobId } from '../../src/queue/queue.ts';
import { createReconciler } from '../../src/queue/reconciler.ts';
import { releaseChunk } from '../../src/store/chunks.ts';
import type { Database } from '../../src/store/database.ts';
import { changeRun, finishRunIfDone, getRun } from '../../src/store/runs.ts';
import { verifyRun } from '../../src/store/verify.ts';
import { createTestDatabase, type TestDatabase } from '../support/database.ts';
import { claimOf, enqueuedRun, finishedRun, outcomeOf, sourceChunks } from '../support/ledger.ts';
import { claimChunk, completeChunk } from '../support/one-chunk.ts';
import {
  createRecorder,
  createTestQueues,
  describeQueues,
  type QueueKind,
  type TestQueues,
} from '../support/queues.ts';

const SOON = { timeout: 30_000, interval: 20 };
describeQueues(suite);

function suite(kind: QueueKind): void {
  let fixture: TestDatabase;
  let database: Database;
  let queues: TestQueues;
  let queue: ChunkQueue;
  beforeEach(async () => {
    [fixture, queues] = await Promise.all([createTestDatabase(), createTestQueues(kind)]);
    database = fixture.database;
    queue = await queues.open();
  });
  afterEach(() => Promise.all([queues.drop(), fixture.drop()]));

  /** As a worker does it: claim, write, end the run. */
  async function work({ runId, chunkNo }: ChunkJob): Promise<Delivery> {
    const claim = await claimChunk(database, { runId, chunkNo, worker: 'test' });
    if (typeof claim === 'string') return 'done';
    await completeChunk(database, claim, await outcomeOf(database, claim, new Set([17])));
    await finishRunIfDone(database, runId);
    return 'done';
  }
  const reconcilerWith = (options: { everyMs: number }) =>
    createReconciler({ database, queue, log: queues.log.log, ...options });
  const ids = (runId: string, chunks: number) =>
    Array.from({ length: chunks }, (_, chunkNo) => jobId({ runId, chunkNo }));
  const finished = (runId: string) =>
    vi.waitFor(async () => expect((await getRun(database, runId)).state).toBe('done'), SOON);

  test('chunks without a job get one, with the rows that the ledger has', async () => {
    const run = await enqueuedRun(database, 40, 8);
    expect(await reconcilerWith({ everyMs: 0 }).reconcile()).toBe(5);
    expect(await queue.knows(ids(run.id, 5))).toEqual(new Set(ids(run.id, 5)));
    const recorder = createRecorder(work);
    const consumer = await queue.consume(recorder.process, { concurrency: 2 });
    await finished(run.id);
    await consumer.close(5_000);
    expect(recorder.jobs.toSorted((a, b) => a.chunkNo - b.chunkNo)).toEqual(
      sourceChunks(40, 8).map(({ chunkNo, firstRow, payload }) => ({
        runId: run.id,
        chunkNo,
        firstRow,
        payload: payload.toString('base64'),
      })),
    );
    expect((await verifyRun(database, run.id)).findings).toEqual([]);
  });

  test('a second pass adds nothing, and several at once add each chunk once', async () => {
    await enqueuedRun(database, 40, 8);
    await Promise.all([1, 2, 3].map(() => reconcilerWith({ everyMs: 0 }).reconcile()));
    expect(await queue.depth()).toBe(5);
    expect(await reconcilerWith({ everyMs: 0 }).reconcile()).toBe(0);
  });

  test('a run that was looked at just now is left to whoever did it', async () => {
    await enqueuedRun(database, 40, 8);
    const added = await Promise.all([1, 2, 3].map(() => reconcilerWith({ everyMs: 60_000 }).reconcile()));
    expect(added.sort()).toEqual([0, 0, 5]);
  });

  test('a queue that lost everything in the middle of a run costs no row and doubles none', async () => {
    const run = await enqueuedRun(database, 160, 4);
    let flushed: Promise<void> | undefined;
    const recorder = createRecorder(async (job) => {
      if (recorder.jobs.length >= 10) flushed ??= queues.flush();
      await flushed;
      return work(job);
    });
    const reconciler = reconcilerWith({ everyMs: 50 });
    reconciler.start();
    const consumer = await queue.consume(recorder.process, { concurrency: 4 });
    await finished(run.id);
    await reconciler.close();
    await consumer.close(5_000);
    expect(flushed).toBeDefined();
    const said = queues.log.entries.map(({ message }) => message);
    expect(said).toContain('a job was lost or went to another worker; the ledger knows what is done');
    expect(said).toContain('added chunks that the queue did not have');
    expect(said).not.toContain('the queue has a fault');
    expect(await verifyRun(database, run.id)).toEqual({
      holds: true,
      rowsTotal: 160,
      results: 159,
      rowErrors: 1,
      findings: [],
    });
  });

  test('a chunk that is delivered again and again is written once', async () => {
    const run = await enqueuedRun(database, 40, 8);
    const recorder = createRecorder(async (job, times) => {
      await work(job);
      return times < 3 ? 'again' : 'done';
    });
    await reconcilerWith({ everyMs: 0 }).reconcile();
    const consumer = await queue.consume(recorder.process, { concurrency: 3 });
    await recorder.until(15);
    await consumer.close(5_000);
    expect(await verifyRun(database, run.id)).toMatchObject({ holds: true, results: 39, rowErrors: 1 });
  });

  test('chunks in work elsewhere, and chunks that were handed back, are dispatched if the queue has no job', async () => {
    const run = await enqueuedRun(database, 16, 8);
    await claimOf(database, run.id, 0);
    await releaseChunk(database, await claimOf(database, run.id, 1));
    expect(await reconcilerWith({ everyMs: 0 }).reconcile()).toBe(2);
  });

  test('a job that was put aside as failed gets another chance', async () => {
    const run = await enqueuedRun(database, 8, 8);
    const reconciler = reconcilerWith({ everyMs: 0 });
    await reconciler.reconcile();
    const recorder = createRecorder((job, times) => {
      if (times === 1) throw new UsageError('not now');
      return work(job);
    });
    const consumer = await queue.consume(recorder.process, { concurrency: 1 });
    await vi.waitFor(async () => {
      await reconciler.reconcile();
      expect((await getRun(database, run.id)).state).toBe('done');
    }, SOON);
    await consumer.close(5_000);
    expect(await verifyRun(database, run.id)).toMatchObject({ holds: true });
  });

  test('a paused or cancelled run is left alone; a resumed one is dispatched', async () => {
    const [paused, cancelled] = [await enqueuedRun(database, 8, 8), await enqueuedRun(database, 8, 8)];
    await changeRun(database, paused.id, 'pause');
    await changeRun(database, cancelled.id, 'cancel');
    expect(await reconcilerWith({ everyMs: 0 }).reconcile()).toBe(0);
    await changeRun(database, paused.id, 'resume');
    expect(await reconcilerWith({ everyMs: 0 }).reconcile()).toBe(1);
    expect(await queue.knows([...ids(paused.id, 1), ...ids(cancelled.id, 1)])).toEqual(new Set(ids(paused.id, 1)));
  });

  test('a run whose last worker died before it ended the run is ended', async () => {
    const run = await finishedRun(database, 8, 8);
    await database.query("UPDATE runs SET state = 'running', finished_at = NULL WHERE id = $1", [run.id]);
    await reconcilerWith({ everyMs: 0 }).reconcile();
    expect((await getRun(database, run.id)).state).toBe('done');
  });

  test('a fault is logged, and the passes go on', async () => {
    const run = await enqueuedRun(database, 8, 8);
    await database.query('ALTER TABLE chunks RENAME TO hidden');
    const reconciler = reconcilerWith({ everyMs: 10 });
    reconciler.start();
    await vi.waitFor(() => expect(queues.log.entries).toContainEqual(expect.objectContaining({ level: 'warn' })), SOON);
    await database.query('ALTER TABLE hidden RENAME TO chunks');
    await vi.waitFor(async () => expect(await queue.knows(ids(run.id, 1))).toEqual(new Set(ids(run.id, 1))), SOON);
    await reconciler.close();
  });
}
