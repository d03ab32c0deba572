import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { DatasetError, DetoxqError, UsageError } from '../../src/contract/errors.ts';
import { noteDecoding } from '../../src/store/chunk-faults.ts';
import { appendChunks, claimChunks, ledgerEnd, openChunks, readChunks, releaseChunk } from '../../src/store/chunks.ts';
import { completeChunks } from '../../src/store/complete.ts';
import type { Database } from '../../src/store/database.ts';
import { readProgress } from '../../src/store/progress.ts';
import { streamResults, streamRowErrors } from '../../src/store/results.ts';
import { changeRun, createRun, finishRunIfDone, getRun } from '../../src/store/runs.ts';
import { completeTogether } from '../../src/worker/write-results.ts';
import { createTestDatabase, type TestDatabase } from '../support/database.ts';
import { claimOf, enqueuedRun, outcomeOf, resultOf, SETTINGS, sourceChunks } from '../support/ledger.ts';
import { claimChunk, completeChunk } from '../support/one-chunk.ts';

let fixture: TestDatabase;
let database: Database;
beforeAll(async () => {
  fixture = await createTestDatabase();
  database = fixture.database;
});
afterAll(() => fixture.drop());

async function storedRowNos(runId: string): Promise<number[]> {
  const rowNos: number[] = [];
  for await (const result of streamResults(database, runId)) rowNos.push(result.rowNo);
  for await (const error of streamRowErrors(database, runId)) rowNos.push(error.rowNo);
  return rowNos.sort((a, b) => a - b);
}

const newRun = () => createRun(database, { name: null, source: { files: [], options: {} }, settings: SETTINGS });

describe('appending', () => {
  test('chunks appended again stay as they are', async () => {
    const run = await newRun();
    const chunks = sourceChunks(10, 4);
    await appendChunks(database, run.id, chunks.slice(0, 2));
    await appendChunks(database, run.id, chunks);
    expect(await ledgerEnd(database, run.id)).toEqual({ chunks: 3, rows: 10 });
    expect(await readChunks(database, run.id, [0, 1, 2])).toEqual(chunks);
  });

  test('a gap ends the part of the source that counts as read', async () => {
    const run = await newRun();
    const chunks = sourceChunks(12, 4);
    await appendChunks(database, run.id, [chunks[0]!, chunks[2]!]);
    expect(await ledgerEnd(database, run.id)).toEqual({ chunks: 1, rows: 4 });
  });

  test('a chunk with other rows than the ledger has is refused', async () => {
    const run = await newRun();
    await appendChunks(database, run.id, sourceChunks(8, 4));
    await expect(appendChunks(database, run.id, sourceChunks(8, 3))).rejects.toThrow(DatasetError);
    expect(await ledgerEnd(database, run.id)).toEqual({ chunks: 2, rows: 8 });
  });

  test('a cancelled run takes no more chunks', async () => {
    const run = await newRun();
    await changeRun(database, run.id, 'cancel');
    await expect(appendChunks(database, run.id, sourceChunks(8, 4))).rejects.toThrow(UsageError);
  });
});

describe('claiming', () => {
  test('several chunks together, also of several runs, each gets the answer that it would get alone', async () => {
    const [first, second, paused] = await Promise.all([1, 2, 3].map(() => enqueuedRun(database, 8, 4)));
    const done = await claimOf(database, first!.id, 1);
    await completeChunk(database, done, await outcomeOf(database, done));
    await changeRun(database, paused!.id, 'pause');
    const chunks = [
      { runId: first!.id, chunkNo: 1 },
      { runId: second!.id, chunkNo: 1 },
      { runId: first!.id, chunkNo: 9 },
      { runId: first!.id, chunkNo: 0 },
      { runId: paused!.id, chunkNo: 0 },
    ];
    expect(await claimChunks(database, chunks, 'test')).toMatchObject([
      'done',
      {
        ...chunks[1],
        claimNo: 1,
        attempts: 1,
        firstRow: 4,
        rowCount: 4,
        retriedRows: 0,
        faults: 0,
        lastFault: null,
        decoding: 0,
      },
      'unknown',
      {
        ...chunks[3],
        claimNo: 1,
        attempts: 1,
        firstRow: 0,
        rowCount: 4,
        retriedRows: 0,
        faults: 0,
        lastFault: null,
        decoding: 0,
      },
      'paused',
    ]);
  });

  test('a chunk that is asked for twice together is claimed twice, with different numbers', async () => {
    const run = await enqueuedRun(database, 4, 4);
    const chunk = { runId: run.id, chunkNo: 0 };
    const claims = await claimChunks(database, [chunk, chunk], 'test');
    expect(claims.map((claim) => (typeof claim === 'string' ? claim : claim.claimNo)).sort()).toEqual([1, 2]);
  });

  test('a chunk is claimed, and claimed again with the next number', async () => {
    const run = await enqueuedRun(database, 10, 4);
    expect(await claimOf(database, run.id, 2)).toMatchObject({
      runId: run.id,
      chunkNo: 2,
      claimNo: 1,
      attempts: 1,
      firstRow: 8,
      rowCount: 2,
      retriedRows: 0,
      faults: 0,
      lastFault: null,
      decoding: 0,
    });
    expect(await claimOf(database, run.id, 2)).toMatchObject({ claimNo: 2, attempts: 2 });
  });

  test('a chunk that was handed back has lost no attempt, and its old claim is void', async () => {
    const run = await enqueuedRun(database, 4, 4);
    const first = await claimOf(database, run.id, 0);
    expect(await releaseChunk(database, first)).toBe(true);
    expect(await readProgress(database, run.id)).toMatchObject({ chunksQueued: 1, chunksActive: 0 });
    expect(await releaseChunk(database, first)).toBe(false);
    expect(await completeChunk(database, first, await outcomeOf(database, first))).toBe(false);
    expect(await claimOf(database, run.id, 0)).toMatchObject({ claimNo: 2, attempts: 1 });
  });

  test('who gives a chunk back, or claims it again as its own, has survived decoding it', async () => {
    const run = await enqueuedRun(database, 4, 4);
    const first = await claimOf(database, run.id, 0);
    expect(await noteDecoding(database, first)).toBe(true);
    await releaseChunk(database, first);
    const second = await claimOf(database, run.id, 0);
    expect(second.decoding).toBe(0);
    await noteDecoding(database, second);
    expect(await claimChunks(database, [{ runId: run.id, chunkNo: 0 }], 'test', [true])).toMatchObject([
      { decoding: 0 },
    ]);
    await noteDecoding(database, second);
    // Another worker knows nothing of what became of that one.
    expect(await claimOf(database, run.id, 0, 'other')).toMatchObject({ decoding: 1 });
  });

  test.each([
    ['pause', 'paused'],
    ['cancel', 'cancelled'],
  ] as const)('a run that was told to %s gives out no chunk', async (change, state) => {
    const run = await enqueuedRun(database, 4, 4);
    await changeRun(database, run.id, change);
    expect(await claimChunk(database, { runId: run.id, chunkNo: 0, worker: 'test' })).toBe(state);
  });

  test('chunks that are done or unheard of are not claimed', async () => {
    const run = await enqueuedRun(database, 4, 4);
    const claim = await claimOf(database, run.id, 0);
    await completeChunk(database, claim, await outcomeOf(database, claim));
    expect(await claimChunk(database, { runId: run.id, chunkNo: 0, worker: 'test' })).toBe('done');
    expect(await claimChunk(database, { runId: run.id, chunkNo: 1, worker: 'test' })).toBe('unknown');
    expect(await claimChunk(database, { runId: 'rnothere', chunkNo: 0, worker: 'test' })).toBe('unknown');
  });

  test('a claim that its worker repeats is the same claim', async () => {
    const run = await enqueuedRun(database, 8, 4);
    const keys = [0, 1].map((chunkNo) => ({ runId: run.id, chunkNo }));
    const first = await claimChunks(database, keys, 'a');
    expect(await claimChunks(database, keys, 'a', [true, true])).toEqual(first);
    // Another worker had it in between: it is no longer the same.
    await claimChunks(database, keys.slice(0, 1), 'b');
    expect(await claimChunks(database, keys, 'a', [true, true])).toMatchObject([
      { claimNo: 3, attempts: 3 },
      { claimNo: 1, attempts: 1 },
    ]);
    expect(await claimChunks(database, keys, 'a', [false, false])).toMatchObject([{ claimNo: 4 }, { claimNo: 2 }]);
  });

  test('claims at the same moment get different numbers', async () => {
    const run = await enqueuedRun(database, 4, 4);
    const claims = await Promise.all(Array.from({ length: 8 }, () => claimOf(database, run.id, 0)));
    expect(claims.map((claim) => claim.claimNo).sort()).toEqual([1, 2, 3, 4, 5, 6, 7, 8]);
  });
});

describe('completing', () => {
  test('results, row errors, counters and the end of the run', async () => {
    const run = await enqueuedRun(database, 10, 5);
    for (const chunkNo of [0, 1]) {
      const claim = await claimOf(database, run.id, chunkNo);
      expect(await completeChunk(database, claim, await outcomeOf(database, claim, new Set([7])))).toBe(true);
      expect(await finishRunIfDone(database, run.id)).toBe(chunkNo === 1);
    }
    expect(await storedRowNos(run.id)).toEqual([0, 1, 2, 3, 4, 5, 6, 7, 8, 9]);
    expect(await readProgress(database, run.id)).toEqual({
      runId: run.id,
      state: 'done',
      rowsEnqueued: 10,
      rowsTotal: 10,
      rowsDone: 10,
      rowErrors: 1,
      chunksQueued: 0,
      chunksActive: 0,
      chunksDone: 2,
      outcomes: { clean: 2, detoxified: 2, still_toxic: 1, unchanged: 2, rejected: 2 },
    });
    expect((await getRun(database, run.id)).finishedAt).toBeInstanceOf(Date);
    expect(await readChunks(database, run.id, [0, 1])).toEqual([]);
    expect(await openChunks(database, run.id, { after: -1, limit: 10 })).toEqual([]);
  });

  test('a second completion writes nothing, also at the same moment', async () => {
    const run = await enqueuedRun(database, 4, 4);
    const claim = await claimOf(database, run.id, 0);
    const outcome = await outcomeOf(database, claim);
    const completions = await Promise.all([1, 2, 3, 4].map(() => completeChunk(database, claim, outcome)));
    expect(completions.filter(Boolean)).toHaveLength(1);
    expect(await completeChunk(database, claim, outcome)).toBe(false);
    expect(await storedRowNos(run.id)).toEqual([0, 1, 2, 3]);
  });

  test('chunks that are completed together are each guarded by their own claim', async () => {
    const [run, other] = await Promise.all([1, 2].map(() => enqueuedRun(database, 12, 4)));
    const completionOf = async (runId: string, chunkNo: number, failing?: Set<number>) => {
      const claim = await claimOf(database, runId, chunkNo);
      return { claim, outcome: await outcomeOf(database, claim, failing) };
    };
    const ours = await completionOf(run!.id, 0, new Set([2]));
    const lost = await completionOf(run!.id, 1, new Set([5]));
    await claimOf(database, run!.id, 1, 'heir');
    const elsewhere = await completionOf(other!.id, 2);
    expect(await completeChunks(database, [lost, ours, elsewhere, ours])).toEqual([false, true, true, false]);
    expect(await storedRowNos(run!.id)).toEqual([0, 1, 2, 3]);
    expect(await storedRowNos(other!.id)).toEqual([8, 9, 10, 11]);
    expect(await readProgress(database, run!.id)).toMatchObject({ chunksActive: 1, chunksDone: 1, rowErrors: 1 });
  });

  test('of chunks that are completed together, one that cannot be stored fails alone', async () => {
    const run = await enqueuedRun(database, 8, 4);
    const completions = await Promise.all(
      [0, 1].map(async (chunkNo) => {
        const claim = await claimOf(database, run.id, chunkNo);
        const outcome = await outcomeOf(database, claim);
        const results = outcome.results.map((result) => ({ ...result, toxicityBefore: chunkNo === 0 ? 7 : 0.5 }));
        return { claim, outcome: { ...outcome, results } };
      }),
    );
    expect(await completeTogether(database, completions)).toEqual([expect.any(DetoxqError), true]);
    expect(await storedRowNos(run.id)).toEqual([4, 5, 6, 7]);
  });

  test('a worker that lost its chunk to another writes nothing, before and after the other', async () => {
    const run = await enqueuedRun(database, 2, 2);
    const zombie = await claimOf(database, run.id, 0, 'zombie');
    const heir = await claimOf(database, run.id, 0, 'heir');
    const write = async (claim: typeof zombie, text: string) =>
      completeChunk(database, claim, {
        ...(await outcomeOf(database, claim)),
        results: [0, 1].map((rowNo) => resultOf(rowNo, { outcome: 'clean', detoxified: null, text })),
      });
    expect(await write(zombie, 'of the zombie')).toBe(false);
    expect(await storedRowNos(run.id)).toEqual([]);
    expect(await write(heir, 'of the heir')).toBe(true);
    expect(await write(zombie, 'of the zombie')).toBe(false);
    const texts: string[] = [];
    for await (const result of streamResults(database, run.id)) texts.push(result.text);
    expect(texts).toEqual(['of the heir', 'of the heir']);
  });

  test('a completion whose connection dies before the commit leaves nothing', async () => {
    const run = await enqueuedRun(database, 4, 4);
    const claim = await claimOf(database, run.id, 0);
    const outcome = await outcomeOf(database, claim);
    const victim = fixture.connect();
    const interrupted = victim.transaction(async (connection) => {
      expect(await completeChunk(connection, claim, outcome)).toBe(true);
      const [backend] = await connection.query<{ pid: number }>('SELECT pg_backend_pid() AS pid');
      await database.query('SELECT pg_terminate_backend($1)', [backend?.pid]);
    });
    await expect(interrupted).rejects.toThrow(/Postgres at .* cannot be used/);
    expect(await storedRowNos(run.id)).toEqual([]);
    expect(await readProgress(database, run.id)).toMatchObject({ chunksActive: 1, rowsDone: 0 });
    expect(await completeChunk(database, claim, outcome)).toBe(true);
    expect(await storedRowNos(run.id)).toEqual([0, 1, 2, 3]);
  });

  test.each([
    ['a missing row', [0, 1, 2]],
    ['a doubled row', [0, 1, 2, 2]],
    ['a row of another chunk', [0, 1, 2, 4]],
    ['a row too many', [0, 1, 2, 3, 4]],
  ])('%s is refused', async (_, rowNos) => {
    const run = await enqueuedRun(database, 8, 4);
    const claim = await claimOf(database, run.id, 0);
    const outcome = { ...(await outcomeOf(database, claim)), results: rowNos.map((rowNo) => resultOf(rowNo)) };
    await expect(completeChunk(database, claim, outcome)).rejects.toThrow(/each once/);
    expect(await storedRowNos(run.id)).toEqual([]);
  });

  test('a chunk of a paused run may still be completed', async () => {
    const run = await enqueuedRun(database, 4, 4);
    const claim = await claimOf(database, run.id, 0);
    await changeRun(database, run.id, 'pause');
    expect(await completeChunk(database, claim, await outcomeOf(database, claim))).toBe(true);
    expect(await finishRunIfDone(database, run.id)).toBe(false);
    expect(await changeRun(database, run.id, 'resume')).toMatchObject({ state: 'done' });
  });

  test('what Postgres cannot store is made storable, and everything else comes back as it was', async () => {
    const run = await enqueuedRun(database, 2, 2);
    const claim = await claimOf(database, run.id, 0);
    const hostile = resultOf(0, {
      outcome: 'detoxified',
      text: 'a\0b \ud800 c',
      detoxified: '\0',
      rowKey: 'k\0',
      meta: { 'n\0': ['\ud83d', { deep: '\0' }], note: 'back\\u0000slash' },
    });
    const awkward = resultOf(1, {
      outcome: 'still_toxic',
      text: `{"quotes"}, \\back\\ 'single', NULL\n\t🤬 é`,
      detoxified: '',
      rowKey: '',
      meta: { number: 1.5, list: [null, true, 'x"y'], text: '🤬' },
      toxicityBefore: 1,
      toxicityAfter: 0,
    });
    await completeChunk(database, claim, { ...(await outcomeOf(database, claim)), results: [hostile, awkward] });
    const stored = [];
    for await (const result of streamResults(database, run.id)) stored.push(result);
    expect(stored).toEqual([
      {
        ...hostile,
        text: 'a\ufffdb \ufffd c',
        detoxified: '\ufffd',
        rowKey: 'k\ufffd',
        meta: { 'n\ufffd': ['\ufffd', { deep: '\ufffd' }], note: 'back\\u0000slash' },
      },
      awkward,
    ]);
  });

  test('a value out of range is refused without the text of its row in the error', async () => {
    const run = await enqueuedRun(database, 1, 1);
    const claim = await claimOf(database, run.id, 0);
    const outcome = {
      ...(await outcomeOf(database, claim)),
      results: [resultOf(0, { text: 'a secret comment', toxicityBefore: 1.5 })],
    };
    const error: unknown = await completeChunk(database, claim, outcome).catch((reason) => reason);
    expect(error).toBeInstanceOf(DetoxqError);
    expect(JSON.stringify([error, (error as Error).cause, String(error), (error as Error).stack])).not.toContain(
      'secret',
    );
    expect(String(error)).toContain('results_toxicity_before_check');
  });
});
