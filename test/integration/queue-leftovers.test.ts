import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import { packRows } from '../../src/contract/chunk.ts';
import { ServiceError, UsageError } from '../../src/contract/errors.ts';
import { clearNoted, sweepQueue } from '../../src/queue/clear-leftovers.ts';
import { type ChunkQueue, type Delivery, jobId } from '../../src/queue/queue.ts';
import { createReconciler } from '../../src/queue/reconciler.ts';
import { appendChunks } from '../../src/store/chunks.ts';
import type { Database } from '../../src/store/database.ts';
import { deleteRun } from '../../src/store/delete.ts';
import { runsWithLeftovers } from '../../src/store/leftovers.ts';
import { changeRun, createRun } from '../../src/store/runs.ts';
import { createTestDatabase, type TestDatabase } from '../support/database.ts';
import { findInPostgres } from '../support/find-text.ts';
import { SETTINGS } from '../support/ledger.ts';
import {
  createRecorder,
  createTestQueues,
  describeQueues,
  type QueueKind,
  type TestQueues,
} from '../support/queues.ts';

const SOON = { timeout: 30_000, interval: 20 };
/** Text, key and member of a row. */
const SECRETS = ['zebra quartz', 'key-of-okapi', 'member-of-gnu'];
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

  const reconciler = (using: ChunkQueue = queue) =>
    createReconciler({ database, queue: using, log: queues.log.log, everyMs: 0 });

  async function secretRun(chunks: number): Promise<string> {
    const { id } = await createRun(database, { name: null, source: { files: [], options: {} }, settings: SETTINGS });
    const rows = Array.from({ length: chunks }, (_, rowNo) => ({
      rowNo,
      rowKey: `key-of-okapi-${rowNo}`,
      text: `zebra quartz ${rowNo}`,
      meta: { note: `member-of-gnu-${rowNo}` },
    }));
    const packed = rows.map((row) => ({
      chunkNo: row.rowNo,
      firstRow: row.rowNo,
      rowCount: 1,
      payload: packRows([row]),
    }));
    await appendChunks(database, id, packed);
    return id;
  }
  const cancel = (runId: string) => changeRun(database, runId, 'cancel');
  const ids = (runId: string, chunks: number) =>
    Array.from({ length: chunks }, (_, chunkNo) => jobId({ runId, chunkNo }));

  test('the jobs of a cancelled run leave the queue in every state, those of others and of a paused run stay', async () => {
    const [run, other] = [await secretRun(8), await secretRun(3)];
    await reconciler().reconcile();
    expect(await queues.find(SECRETS)).toContainEqual(expect.stringContaining('text 0'));
    // Of the run: one job in work, one that pauses after a fault, one that failed for good; the others wait.
    let letGo = () => {};
    const held = new Promise<void>((resolve) => {
      letGo = resolve;
    });
    const recorder = createRecorder(async ({ runId, chunkNo }): Promise<Delivery> => {
      if (runId === run && chunkNo === 0) throw new ServiceError('zebra crossing');
      if (runId === run && chunkNo === 1) throw new UsageError('not now');
      await held;
      return 'done';
    });
    const consumer = await queue.consume(recorder.process, { concurrency: 1 });
    await recorder.until(3);
    await changeRun(database, other, 'pause');
    await cancel(run);
    expect(await runsWithLeftovers(database)).toEqual([run]);
    await clearNoted(database, queue);
    await sweepQueue(database, queue);
    expect(await queue.knows([...ids(run, 8), ...ids(other, 3)])).toEqual(
      new Set([...ids(run, 8).slice(2, 3), ...ids(other, 3)]),
    );
    expect(await runsWithLeftovers(database)).toEqual([]);
    // The one in work ends, and its job with it.
    consumer.pause();
    letGo();
    await consumer.close(5_000);
    expect(await queue.knows(ids(run, 8))).toEqual(new Set());
    await cancel(other);
    await clearNoted(database, queue);
    expect(await queues.find(SECRETS)).toEqual([]);
    expect(await queue.depth()).toBe(0);
  });

  test('a run that failed for good leaves no job', async () => {
    const run = await secretRun(1);
    await reconciler().reconcile();
    const recorder = createRecorder(() => {
      throw new UsageError('not now');
    });
    const consumer = await queue.consume(recorder.process, { concurrency: 1 });
    await recorder.until(1);
    await consumer.close(5_000);
    expect(await queue.knows(ids(run, 1))).toEqual(new Set());
    expect(await queues.find(SECRETS)).toEqual([]);
  });

  test('a job that was handed back after its run was deleted goes with the next sweep', async () => {
    const run = await secretRun(1);
    await reconciler().reconcile();
    const recorder = createRecorder(async (): Promise<Delivery> => {
      await cancel(run);
      await deleteRun(database, run);
      await clearNoted(database, queue);
      return 'again';
    });
    const consumer = await queue.consume(recorder.process, { concurrency: 1 });
    await recorder.until(1);
    await consumer.close(5_000);
    expect(await queue.depth()).toBe(1);
    await reconciler().reconcile();
    expect(await queue.depth()).toBe(0);
    expect(await queues.find(SECRETS)).toEqual([]);
    expect(await findInPostgres(fixture.url, SECRETS)).toEqual([]);
  });

  test('a command that ended after its commit leaves the rest to whoever has the queue next', async () => {
    const run = await secretRun(4);
    await reconciler().reconcile();
    await cancel(run);
    await deleteRun(database, run);
    expect(await queue.depth()).toBe(4);
    expect(await runsWithLeftovers(database)).toEqual([run]);
    // Several at once, too.
    await Promise.all([1, 2, 3].map(() => clearNoted(database, queue)));
    expect(await queue.depth()).toBe(0);
    await vi.waitFor(async () => expect(await runsWithLeftovers(database)).toEqual([]), SOON);
    expect(await queues.find(SECRETS)).toEqual([]);
  });

  test('one that ends in the middle is gone on with from there', async () => {
    const run = await secretRun(2);
    await reconciler().reconcile();
    await cancel(run);
    await database.query('UPDATE queue_leftovers SET chunks = 2500');
    const removed: string[] = [];
    const remove = async (page: readonly string[]): Promise<void> => {
      if (removed.length >= 2_000) throw new ServiceError('Redis is away');
      await queue.remove(page);
      removed.push(...page);
    };
    await expect(clearNoted(database, { remove })).rejects.toThrow('Redis is away');
    expect(await database.query('SELECT run_id, chunks FROM queue_leftovers')).toEqual([{ run_id: run, chunks: 500 }]);
    expect(await queue.depth()).toBe(2);
    await clearNoted(database, queue);
    expect(await queue.depth()).toBe(0);
    expect(await runsWithLeftovers(database)).toEqual([]);
  });

  test('a reconciler that read the ledger before its run was cancelled takes back what it added', async () => {
    const run = await secretRun(3);
    const late: ChunkQueue = {
      ...queue,
      async add(jobs) {
        await cancel(run);
        await clearNoted(database, queue);
        await sweepQueue(database, queue);
        await queue.add(jobs);
      },
    };
    expect(await reconciler(late).reconcile()).toBe(0);
    expect(await queue.depth()).toBe(0);
    expect(await queues.find(SECRETS)).toEqual([]);
  });

  test('… and where it dies in between, the first pass of another one removes them', async () => {
    const run = await secretRun(3);
    const dying: ChunkQueue = {
      ...queue,
      async add(jobs) {
        await cancel(run);
        await clearNoted(database, queue);
        await queue.add(jobs);
        throw new Error('dead');
      },
    };
    await expect(reconciler(dying).reconcile()).rejects.toThrow('dead');
    expect(await queue.depth()).toBe(3);
    await reconciler().reconcile();
    expect(await queue.depth()).toBe(0);
  });

  test('ANALYZE takes no sample of what comes from rows', async () => {
    const run = await secretRun(40);
    await database.query(
      `INSERT INTO row_errors (run_id, row_no, row_key, stage, code, message, attempts, source)
       SELECT $1, n, 'key-of-okapi-' || n, 'engine', 'x', 'x', 1, '{"text": "zebra quartz"}' FROM generate_series(1, 100) AS n`,
      [run],
    );
    await database.query('ANALYZE');
    expect(await findInPostgres(fixture.url, SECRETS)).toContainEqual(expect.stringContaining('row_errors'));
    await cancel(run);
    await deleteRun(database, run);
    expect(await findInPostgres(fixture.url, SECRETS)).toEqual([]);
  });
}
