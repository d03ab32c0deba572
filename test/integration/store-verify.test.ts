import { afterAll, beforeAll, expect, test } from 'vitest';
import type { Database } from '../../src/store/database.ts';
import { finishRunIfDone } from '../../src/store/runs.ts';
import { type FindingKind, verifyRun } from '../../src/store/verify.ts';
import { createTestDatabase, type TestDatabase } from '../support/database.ts';
import { claimOf, enqueuedRun, finishedRun, outcomeOf } from '../support/ledger.ts';
import { completeChunk } from '../support/one-chunk.ts';

let fixture: TestDatabase;
let database: Database;
beforeAll(async () => {
  fixture = await createTestDatabase();
  database = fixture.database;
});
afterAll(() => fixture.drop());

test('a finished run holds, and so does an empty one', async () => {
  const run = await finishedRun(database, 50, 8, new Set([3, 49]));
  expect(await verifyRun(database, run.id)).toEqual({
    holds: true,
    rowsTotal: 50,
    results: 48,
    rowErrors: 2,
    findings: [],
  });
  const empty = await enqueuedRun(database, 0, 8);
  expect(await verifyRun(database, empty.id)).toMatchObject({ holds: true, rowsTotal: 0 });
});

test('a run under way does not hold, and says what is open', async () => {
  const run = await enqueuedRun(database, 12, 4);
  const claim = await claimOf(database, run.id, 1);
  await completeChunk(database, claim, await outcomeOf(database, claim));
  await finishRunIfDone(database, run.id);
  const { holds, findings } = await verifyRun(database, run.id);
  expect(holds).toBe(false);
  expect(findings.map(({ kind, count, numbers }) => ({ kind, count, numbers }))).toEqual([
    { kind: 'not_finished', count: 1, numbers: [] },
    { kind: 'chunks_not_done', count: 2, numbers: [0, 2] },
    { kind: 'missing', count: 8, numbers: [0, 1, 2, 3, 8, 9, 10, 11] },
  ]);
});

/** Every defect, planted with SQL into a run of 40 rows (row 5 an error) in chunks of 8. */
const DEFECTS: readonly (readonly [
  string,
  string,
  Partial<Record<FindingKind, readonly [number, readonly number[]]>>,
])[] = [
  [
    'results that are gone',
    'DELETE FROM results WHERE run_id = $1 AND row_no IN (0, 17, 18, 39)',
    { missing: [4, [0, 17, 18, 39]], counts: [1, []] },
  ],
  [
    'many results that are gone',
    'DELETE FROM results WHERE run_id = $1 AND row_no >= 10',
    { missing: [30, Array.from({ length: 20 }, (_, index) => 10 + index)], counts: [6, []] },
  ],
  ['a row error that is gone', 'DELETE FROM row_errors WHERE run_id = $1', { missing: [1, [5]], counts: [1, []] }],
  [
    'a row with a result and an error',
    `INSERT INTO row_errors (run_id, row_no, stage, code, message, attempts) VALUES ($1, 20, 'engine', 'x', 'y', 1)`,
    { doubled: [1, [20]], counts: [1, []] },
  ],
  [
    'a doubled row that hides a missing one',
    `WITH gone AS (DELETE FROM results WHERE run_id = $1 AND row_no = 7)
     INSERT INTO row_errors (run_id, row_no, stage, code, message, attempts) VALUES ($1, 20, 'engine', 'x', 'y', 1)`,
    { missing: [1, [7]], doubled: [1, [20]], counts: [1, []] },
  ],
  [
    'a row that the source does not have',
    'UPDATE results SET row_no = 40 WHERE run_id = $1 AND row_no = 39',
    { missing: [1, [39]], outside: [1, [40]] },
  ],
  [
    'a row error that the source does not have',
    'UPDATE row_errors SET row_no = 1000 WHERE run_id = $1',
    { missing: [1, [5]], outside: [1, [1000]] },
  ],
  [
    'a result with another outcome than was counted',
    "UPDATE results SET outcome = 'clean' WHERE run_id = $1 AND row_no = 3",
    { counts: [1, []] },
  ],
  [
    'a chunk that was opened again',
    `UPDATE chunks SET state = 'active', payload = '' WHERE run_id = $1 AND chunk_no = 2`,
    { chunks_not_done: [1, [2]] },
  ],
  [
    'a chunk that is gone',
    'DELETE FROM chunks WHERE run_id = $1 AND chunk_no = 1',
    { ledger: [3, [2, 3, 4]], counts: [2, []] },
  ],
  [
    'a chunk that begins somewhere else',
    'UPDATE chunks SET first_row = 9 WHERE run_id = $1 AND chunk_no = 1',
    { ledger: [1, [1]] },
  ],
  [
    'totals of another source',
    'UPDATE runs SET rows_total = 41 WHERE id = $1',
    { ledger: [1, []], missing: [1, [40]] },
  ],
  ['a run that nobody ended', "UPDATE runs SET state = 'running' WHERE id = $1", { not_finished: [1, []] }],
];

test.each(DEFECTS)('finds %s', async (_, statement, expected) => {
  const run = await finishedRun(database, 40, 8, new Set([5]));
  expect((await verifyRun(database, run.id)).holds).toBe(true);
  await database.query(statement, [run.id]);
  const { holds, findings } = await verifyRun(database, run.id);
  expect(holds).toBe(false);
  const found: Record<string, readonly [number, readonly number[]]> = {};
  for (const { kind, count, numbers } of findings) found[kind] ??= [count, numbers];
  expect(found).toEqual(expected);
});
