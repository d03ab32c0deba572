import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { DatasetError, UsageError } from '../../src/contract/errors.ts';
import { OUTCOMES } from '../../src/contract/outcome.ts';
import { settingsHash } from '../../src/contract/settings.ts';
import { appendChunks } from '../../src/store/chunks.ts';
import type { Database } from '../../src/store/database.ts';
import { modelId } from '../../src/store/models.ts';
import { readProgress, readSummary } from '../../src/store/progress.ts';
import { streamResults, streamRowErrors } from '../../src/store/results.ts';
import {
  changeRun,
  createRun,
  finishEnqueue,
  finishRunIfDone,
  getRun,
  listRuns,
  openRuns,
  type RunChange,
} from '../../src/store/runs.ts';
import { createTestDatabase, type TestDatabase } from '../support/database.ts';
import {
  claimOf,
  DETOXIFIER,
  enqueuedRun,
  errorOf,
  finishedRun,
  outcomeOf,
  resultOf,
  SCORER,
  SETTINGS,
  sourceChunks,
} from '../support/ledger.ts';
import { completeChunk } from '../support/one-chunk.ts';

let fixture: TestDatabase;
let database: Database;
beforeAll(async () => {
  fixture = await createTestDatabase();
  database = fixture.database;
});
afterAll(() => fixture.drop());

const SOURCE = {
  files: [{ path: '/data/comments.csv', sizeBytes: 12, modifiedAt: '2026-01-02T03:04:05.000Z' }],
  options: { textColumn: 'text', chunkRows: 256 },
};
const newRun = () => createRun(database, { name: 'a name', source: SOURCE, settings: SETTINGS });

describe('a run', () => {
  test('comes back as it was made, by id and as the latest', async () => {
    const run = await newRun();
    expect(run).toEqual({
      id: expect.stringMatching(/^r[a-z0-9]{7}$/),
      name: 'a name',
      state: 'enqueueing',
      source: SOURCE,
      settings: SETTINGS,
      settingsHash: settingsHash(SETTINGS),
      requires: ['results-2'],
      rowsTotal: null,
      chunksTotal: null,
      createdAt: expect.any(Date),
      finishedAt: null,
    });
    expect(await getRun(database, run.id)).toEqual(run);
    expect(await getRun(database, 'latest')).toEqual(run);
    const younger = await newRun();
    expect(await getRun(database, 'latest')).toEqual(younger);
    expect((await listRuns(database, 2)).map(({ id }) => id)).toEqual([younger.id, run.id]);
    expect(await openRuns(database)).toEqual(expect.arrayContaining([run.id, younger.id]));
  });

  test.each(['rnothere', '', 'LATEST', "r' OR true --", 'r1', 'a\0b', '%'])(
    'that does not exist is not found: %s',
    async (id) => {
      await expect(getRun(database, id)).rejects.toThrow(UsageError);
      await expect(getRun(database, id)).rejects.toMatchObject({ code: 'run_not_found', data: { run: id } });
    },
  );

  test('is found by a name that no other run has', async () => {
    const make = (name: string) => createRun(database, { name, source: SOURCE, settings: SETTINGS });
    const base = await make('base');
    expect(await getRun(database, 'base')).toEqual(base);
    // A name may look like an id; the id of another run goes before it.
    const odd = await make('rejected');
    expect(await getRun(database, 'rejected')).toEqual(odd);
    await make(base.id);
    expect(await getRun(database, base.id)).toEqual(base);
    const second = await make('base');
    const refused = getRun(database, 'base');
    await expect(refused).rejects.toThrow(UsageError);
    await expect(refused).rejects.toThrow(base.id);
    await expect(refused).rejects.toThrow(second.id);
    await expect(getRun(database, 'Base')).rejects.toMatchObject({ code: 'run_not_found', data: { run: 'Base' } });
  });

  test('several made at once have ids and partitions of their own', async () => {
    const runs = await Promise.all(Array.from({ length: 6 }, newRun));
    expect(new Set(runs.map(({ id }) => id)).size).toBe(6);
    const partitions = await database.query<{ name: string }>(
      "SELECT inhrelid::regclass::text AS name FROM pg_inherits WHERE inhparent = 'results'::regclass",
    );
    expect(partitions.map(({ name }) => name)).toEqual(expect.arrayContaining(runs.map(({ id }) => `results_${id}`)));
  });

  test('is made while results of another run are being written and read', async () => {
    const run = await enqueuedRun(database, 4, 4);
    const claim = await claimOf(database, run.id, 0);
    const outcome = await outcomeOf(database, claim);
    await fixture.connect().transaction(async (connection) => {
      await completeChunk(connection, claim, outcome);
      await connection.query('SELECT count(*) FROM results');
      await newRun();
    });
    expect(await readProgress(database, run.id)).toMatchObject({ rowsDone: 4 });
  });
});

describe('the end of enqueueing', () => {
  test('is noted once, and a second time does nothing', async () => {
    const run = await newRun();
    await appendChunks(database, run.id, sourceChunks(10, 4));
    const totals = { rowsTotal: 10, chunksTotal: 3 };
    expect(await finishEnqueue(database, run.id, totals)).toMatchObject({ state: 'running', ...totals });
    expect(await finishEnqueue(database, run.id, totals)).toMatchObject({ state: 'running', ...totals });
  });

  test('ends a run without rows, and one whose chunks are all done', async () => {
    const empty = await newRun();
    expect(await finishEnqueue(database, empty.id, { rowsTotal: 0, chunksTotal: 0 })).toMatchObject({
      state: 'done',
      finishedAt: expect.any(Date),
    });
    const quick = await newRun();
    await appendChunks(database, quick.id, sourceChunks(4, 4));
    const claim = await claimOf(database, quick.id, 0);
    await completeChunk(database, claim, await outcomeOf(database, claim));
    expect(await finishRunIfDone(database, quick.id)).toBe(false);
    expect(await finishEnqueue(database, quick.id, { rowsTotal: 4, chunksTotal: 1 })).toMatchObject({ state: 'done' });
  });

  test.each([[{ rowsTotal: 11, chunksTotal: 3 }], [{ rowsTotal: 10, chunksTotal: 4 }]])(
    'is refused when the ledger has something else than %o',
    async (totals) => {
      const run = await newRun();
      await appendChunks(database, run.id, sourceChunks(10, 4));
      await expect(finishEnqueue(database, run.id, totals)).rejects.toThrow(DatasetError);
      expect(await getRun(database, run.id)).toMatchObject({ state: 'enqueueing', rowsTotal: null });
    },
  );

  test('of a paused run leaves it paused, and it goes on as a running one', async () => {
    const run = await newRun();
    await changeRun(database, run.id, 'pause');
    await appendChunks(database, run.id, sourceChunks(4, 4));
    expect(await finishEnqueue(database, run.id, { rowsTotal: 4, chunksTotal: 1 })).toMatchObject({ state: 'paused' });
    expect(await changeRun(database, run.id, 'resume')).toMatchObject({ state: 'running' });
  });

  test('of a cancelled run is refused', async () => {
    const run = await newRun();
    await changeRun(database, run.id, 'cancel');
    await expect(finishEnqueue(database, run.id, { rowsTotal: 0, chunksTotal: 0 })).rejects.toThrow(UsageError);
  });
});

describe('changes by the user', () => {
  const made = {
    enqueueing: newRun,
    running: () => enqueuedRun(database, 4, 4),
    paused: async () => changeRun(database, (await newRun()).id, 'pause'),
    done: () => finishedRun(database, 4, 4),
    cancelled: async () => changeRun(database, (await newRun()).id, 'cancel'),
  };
  const allowed: Record<RunChange, Partial<Record<keyof typeof made, string>>> = {
    pause: { enqueueing: 'paused', running: 'paused' },
    resume: { paused: 'enqueueing' },
    cancel: { enqueueing: 'cancelled', running: 'cancelled', paused: 'cancelled' },
  };
  const cases = (Object.keys(allowed) as RunChange[]).flatMap((change) =>
    (Object.keys(made) as (keyof typeof made)[]).map((state) => [change, state, allowed[change][state]] as const),
  );
  test.each(cases)('%s of a run that is %s: %s', async (change, state, next) => {
    const { id } = await made[state]();
    if (next !== undefined) {
      expect(await changeRun(database, id, change)).toMatchObject({ state: next });
      return;
    }
    await expect(changeRun(database, id, change)).rejects.toThrow(UsageError);
    expect(await getRun(database, id)).toMatchObject({ state });
  });
});

describe('what came out', () => {
  test('the summary has counts, means over rewritten rows, errors by code, and times', async () => {
    const run = await enqueuedRun(database, 6, 3);
    const outcomes = [
      [
        resultOf(0, { outcome: 'clean', detoxified: null, toxicityBefore: 0.1 }),
        resultOf(1, { outcome: 'detoxified', toxicityBefore: 0.9, toxicityAfter: 0.1 }),
        resultOf(2, { outcome: 'still_toxic', toxicityBefore: 0.7, toxicityAfter: 0.6 }),
      ],
      [resultOf(3, { outcome: 'rejected', detoxified: null, toxicityBefore: 1 })],
    ];
    for (const [chunkNo, results] of outcomes.entries()) {
      const claim = await claimOf(database, run.id, chunkNo);
      const errors = chunkNo === 1 ? [errorOf(4), { ...errorOf(5), code: 'too_large' }] : [];
      await completeChunk(database, claim, { ...(await outcomeOf(database, claim)), results, errors });
    }
    await finishRunIfDone(database, run.id);
    const summary = await readSummary(database, run.id);
    expect(summary).toMatchObject({
      progress: { state: 'done', rowsDone: 6, rowErrors: 2 },
      rowsRewritten: 2,
      tokensIn: 32,
      tokensOut: 10,
      rowErrorsByCode: { engine_crashed: 1, too_large: 1 },
      timingsMs: { score: 4, rewrite: 20 },
    });
    expect(summary.meanToxicityBefore).toBeCloseTo(0.8);
    expect(summary.meanToxicityAfter).toBeCloseTo(0.35);
    expect(Number(summary.startedAt)).toBeLessThanOrEqual(Number(summary.finishedAt));
  });

  test('the summary of a run without results has no means and no times', async () => {
    const run = await enqueuedRun(database, 4, 4);
    expect(await readSummary(database, run.id)).toMatchObject({
      rowsRewritten: 0,
      meanToxicityBefore: null,
      meanToxicityAfter: null,
      rowErrorsByCode: {},
      timingsMs: {},
      startedAt: null,
      finishedAt: null,
    });
  });

  test('results and row errors come by row number, over many pages, and by outcome', async () => {
    const failing = new Set([0, 4_321, 6_999]);
    const run = await finishedRun(database, 7_000, 1_000, failing);
    let expected = 0;
    for await (const result of streamResults(database, run.id)) {
      if (failing.has(expected)) expected += 1;
      expect(result).toEqual(resultOf(expected));
      expected += 1;
    }
    expect(expected).toBe(6_999);
    const errors = [];
    for await (const error of streamRowErrors(database, run.id)) errors.push(error);
    expect(errors).toEqual([0, 4_321, 6_999].map(errorOf));
    const rejected: number[] = [];
    for await (const { rowNo } of streamResults(database, run.id, { outcomes: ['rejected'] })) rejected.push(rowNo);
    expect(rejected).toEqual(
      Array.from({ length: 1_400 }, (_, index) => index * 5 + OUTCOMES.indexOf('rejected')).filter(
        (rowNo) => !failing.has(rowNo),
      ),
    );
  });

  test('each result names its models, and a clean row only the scorer', async () => {
    const run = await finishedRun(database, 5, 5);
    const rows = await database.query(
      `SELECT outcome, scorer.name AS scorer, detoxifier.name AS detoxifier
       FROM results JOIN models AS scorer ON scorer.id = scorer_id LEFT JOIN models AS detoxifier ON detoxifier.id = detoxifier_id
       WHERE run_id = $1 ORDER BY row_no`,
      [run.id],
    );
    expect(rows).toEqual(
      OUTCOMES.map((outcome) => ({
        outcome,
        scorer: SCORER.name,
        detoxifier: outcome === 'clean' ? null : DETOXIFIER.name,
      })),
    );
  });

  test('detox_pairs has the rewritten rows with the columns of ParaNMT-detox', async () => {
    const run = await finishedRun(database, 10, 5);
    const pairs = await database.query('SELECT * FROM detox_pairs WHERE run_id = $1 ORDER BY row_no', [run.id]);
    expect(pairs).toHaveLength(4);
    expect(pairs[0]).toEqual({
      reference: 'comment number 1',
      translation: 'kind comment number 1',
      similarity: 0.5,
      length_diff: 5 / 22,
      ref_tox: 0.75,
      trn_tox: 0.25,
      run_id: run.id,
      row_no: 1,
    });
  });
});

test('a model has one id, however often and by however many it is stored', async () => {
  const model = { ...SCORER, name: 'another', digest: 'a'.repeat(64) };
  const ids = await Promise.all(Array.from({ length: 5 }, () => modelId(database, model)));
  expect(new Set(ids).size).toBe(1);
  expect(await modelId(database, model)).toBe(ids[0]);
  expect(await modelId(database, { ...model, precision: 'fp32' })).not.toBe(ids[0]);
});
