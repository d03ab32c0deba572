import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { packRows } from '../../src/contract/chunk.ts';
import { CheckpointError, UsageError } from '../../src/contract/errors.ts';
import type { Run } from '../../src/contract/run.ts';
import type { ChunkQueue } from '../../src/queue/queue.ts';
import { createReconciler } from '../../src/queue/reconciler.ts';
import { findTrouble } from '../../src/report/trouble.ts';
import { appendChunks } from '../../src/store/chunks.ts';
import { deleteRun } from '../../src/store/delete.ts';
import { readProgress, readSummary } from '../../src/store/progress.ts';
import { countRowErrors, reopenRowErrors } from '../../src/store/retry.ts';
import { changeRun, createRun, finishEnqueue, getRun } from '../../src/store/runs.ts';
import { verifyRun } from '../../src/store/verify.ts';
import { readProducer, readWorkers } from '../../src/store/workers.ts';
import type { Engines } from '../../src/worker/engines.ts';
import { startWorker } from '../../src/worker/worker.ts';
import { createTestDatabase, type TestDatabase } from '../support/database.ts';
import { claimOf, enqueuedRun, finishedRun, outcomeOf, SETTINGS, sourceChunks } from '../support/ledger.ts';
import { completeChunk } from '../support/one-chunk.ts';
import { createPlainEngines } from '../support/plain-engines.ts';
import { createTestQueues, type TestQueues } from '../support/queues.ts';

let fixture: TestDatabase;
beforeEach(async () => {
  fixture = await createTestDatabase();
});
afterEach(() => fixture.drop());

describe('retry', () => {
  let queues: TestQueues;
  let queue: ChunkQueue;
  beforeEach(async () => {
    queues = await createTestQueues('postgres');
    queue = await queues.open();
  });
  afterEach(() => queues.drop());

  /** Works until the run is done; the rows named fail. */
  async function work(run: Run, failing: readonly number[]): Promise<void> {
    const { database } = fixture;
    const { log } = queues.log;
    const openEngines = () => createPlainEngines((row) => failing.includes(row.rowNo));
    const worker = await startWorker({ database, queue, openEngines, processes: 1, name: 'test', log });
    const reconciler = createReconciler({ database, queue, log, everyMs: 20 });
    reconciler.start();
    while ((await getRun(database, run.id)).state !== 'done') await new Promise(setImmediate);
    await reconciler.close();
    await worker.drain(10_000);
  }

  /** 40 rows in chunks of 8; row 5 could not be read. */
  async function enqueue(): Promise<Run> {
    const { database } = fixture;
    const run = await createRun(database, { name: null, source: { files: [], options: {} }, settings: SETTINGS });
    const chunks = sourceChunks(40, 8);
    const fault = { stage: 'read', code: 'not_utf8', message: 'line 6: not UTF-8' } as const;
    const rows = Array.from({ length: 8 }, (_, rowNo) =>
      rowNo === 5
        ? { rowNo, rowKey: null, fault }
        : { rowNo, rowKey: null, text: `comment number ${rowNo}`, meta: { big: 1.5, 'a "key"': ['ü', null] } },
    );
    await appendChunks(database, run.id, [{ ...chunks[0]!, payload: packRows(rows) }, ...chunks.slice(1)]);
    return finishEnqueue(database, run.id, { rowsTotal: 40, chunksTotal: 5 });
  }

  const errors = (runId: string) =>
    fixture.database.query(
      'SELECT row_no, stage, attempts, source IS NOT NULL AS kept FROM row_errors WHERE run_id = $1 ORDER BY row_no',
      [runId],
    );

  test('results take the place of row errors, and each row has one of both at every moment', async () => {
    const { database } = fixture;
    const run = await enqueue();
    await work(run, [3, 17, 18]);
    expect(await errors(run.id)).toEqual([
      { row_no: 3, stage: 'engine', attempts: 1, kept: true },
      { row_no: 5, stage: 'read', attempts: 1, kept: false },
      { row_no: 17, stage: 'engine', attempts: 1, kept: true },
      { row_no: 18, stage: 'engine', attempts: 1, kept: true },
    ]);
    expect(await countRowErrors(database, run.id)).toEqual({ retryable: 3, unreadable: 1 });
    const before = await readSummary(database, run.id);

    // Two at once reopen each chunk once.
    const reopened = await Promise.all([1, 2].map(() => reopenRowErrors(database, run.id)));
    expect(reopened.reduce((sum, { rows }) => sum + rows, 0)).toBe(3);
    expect(reopened.reduce((sum, { chunks }) => sum + chunks, 0)).toBe(2);
    expect((await verifyRun(database, run.id)).findings.map(({ kind }) => kind)).toEqual([
      'not_finished',
      'chunks_not_done',
    ]);
    expect(await readProgress(database, run.id)).toMatchObject({ state: 'running', rowsDone: 37, rowErrors: 4 });

    // A job from the first time, with all rows of its chunk, does no harm.
    const [first] = sourceChunks(40, 8);
    await queue.add([{ runId: run.id, chunkNo: 0, firstRow: 0, payload: first!.payload.toString('base64') }]);
    await work(run, [17]);
    expect((await verifyRun(database, run.id)).findings).toEqual([]);
    expect(await errors(run.id)).toEqual([
      { row_no: 5, stage: 'read', attempts: 1, kept: false },
      { row_no: 17, stage: 'engine', attempts: 2, kept: true },
    ]);
    const after = await readSummary(database, run.id);
    expect(after).toMatchObject({ startedAt: before.startedAt, finishedAt: before.finishedAt });
    expect(after.timingsMs.score).toBeGreaterThan(before.timingsMs.score ?? 0);
    expect(after.tokensIn).toBe(before.tokensIn + 16);

    await reopenRowErrors(database, run.id);
    await work(run, []);
    expect(await verifyRun(database, run.id)).toMatchObject({ holds: true, results: 39, rowErrors: 1 });
    expect(await reopenRowErrors(database, run.id)).toEqual({ rows: 0, chunks: 0 });
    expect((await getRun(database, run.id)).state).toBe('done');
    const [row] = await database.query('SELECT text, meta FROM results WHERE row_no = 3');
    expect(row).toEqual({ text: 'comment number 3', meta: { big: 1.5, 'a "key"': ['ü', null] } });
  });

  test('a claim that is not the newest writes nothing of a retry, and a cancelled run is not retried', async () => {
    const { database } = fixture;
    const run = await enqueue();
    await work(run, [9]);
    await reopenRowErrors(database, run.id);
    const zombie = await claimOf(database, run.id, 1);
    const newest = await claimOf(database, run.id, 1);
    const whole = await outcomeOf(database, newest);
    const retried = { ...whole, results: whole.results.filter(({ rowNo }) => rowNo === 9) };
    await expect(completeChunk(database, newest, whole)).rejects.toThrow('1 of the rows 8 to 15');
    expect(await completeChunk(database, zombie, retried)).toBe(false);
    expect(await completeChunk(database, newest, retried)).toBe(true);
    expect(await completeChunk(database, newest, retried)).toBe(false);
    const other = await enqueuedRun(database, 4, 4);
    await changeRun(database, other.id, 'cancel');
    await expect(reopenRowErrors(database, other.id)).rejects.toThrow(UsageError);
  });

  test('workers are seen while they live, and say what keeps them from a run', async () => {
    const { database } = fixture;
    const run = await enqueue();
    const trouble = async () =>
      findTrouble(
        { id: run.id, rowsTotal: 40, chunksTotal: 5, requires: run.requires },
        await readProgress(database, run.id),
        await readWorkers(database),
        await readProducer(database, run.id),
      );
    expect(await trouble()).toEqual([{ code: 'no_worker', message: 'no worker is alive' }]);
    const openEngines = (): Engines => {
      throw new CheckpointError('this machine has no checkpoint nano-bart');
    };
    const { log } = queues.log;
    const worker = await startWorker({ database, queue, openEngines, processes: 1, name: 'test/1', log });
    const reconciler = createReconciler({ database, queue, log, everyMs: 20 });
    reconciler.start();
    while ((await readWorkers(database))[0]?.problem == null) await new Promise(setImmediate);
    expect(await readWorkers(database)).toMatchObject([{ name: 'test/1', pid: process.pid }]);
    expect(await trouble()).toEqual([
      { code: 'workers_unable', message: expect.stringContaining('this machine has no checkpoint nano-bart') },
    ]);
    await reconciler.close();
    await worker.drain(10_000);
    expect(await readWorkers(database)).toEqual([]);
  });
});

describe('delete', () => {
  test('takes a run away with all it has, and nothing of another one', async () => {
    const { database } = fixture;
    const kept = await finishedRun(database, 10, 4, new Set([2]));
    const gone = await finishedRun(database, 10, 4, new Set([2]));
    await deleteRun(database, gone.id);
    for (const table of ['runs WHERE id', 'chunks WHERE run_id', 'row_errors WHERE run_id', 'results WHERE run_id']) {
      expect(await database.query(`SELECT 1 FROM ${table} = $1`, [gone.id]), table).toEqual([]);
    }
    expect(await database.query('SELECT to_regclass($1) AS name', [`results_${gone.id}`])).toEqual([{ name: null }]);
    expect(await verifyRun(database, kept.id)).toMatchObject({ holds: true, results: 9, rowErrors: 1 });
    await expect(deleteRun(database, gone.id)).rejects.toThrow(UsageError);
  });

  test('refuses a run that is worked on; when it is cancelled, what a worker still has of it is not written', async () => {
    const { database } = fixture;
    const run = await enqueuedRun(database, 10, 4);
    const claim = await claimOf(database, run.id, 0);
    await expect(deleteRun(database, run.id)).rejects.toMatchObject({
      code: 'run_not_ended',
      data: { run: run.id, state: 'running' },
    });
    await changeRun(database, run.id, 'pause');
    await expect(deleteRun(database, run.id)).rejects.toThrow(UsageError);
    await changeRun(database, run.id, 'cancel');
    const outcome = await outcomeOf(database, claim);
    const [, written] = await Promise.all([deleteRun(database, run.id), completeChunk(database, claim, outcome)]);
    expect(await completeChunk(database, claim, outcome)).toBe(false);
    expect([true, false]).toContain(written);
    expect(await database.query('SELECT 1 FROM results')).toEqual([]);
  });

  test('lets others work while somebody reads results, and comes through when they end', async () => {
    const { database } = fixture;
    const run = await finishedRun(database, 4, 4);
    const other = await enqueuedRun(database, 4, 4);
    const reader = fixture.connect();
    let deletion: Promise<void> | undefined;
    await reader.transaction(async (connection) => {
      await connection.query('SELECT count(*) FROM results');
      deletion = deleteRun(database, run.id);
      const claim = await claimOf(database, other.id, 0);
      expect(await completeChunk(database, claim, await outcomeOf(database, claim))).toBe(true);
    });
    await deletion;
    expect(await database.query('SELECT 1 FROM runs WHERE id = $1', [run.id])).toEqual([]);
  });
});
