import { readFileSync } from 'node:fs';
import { afterAll, beforeAll, expect, test } from 'vitest';
import type { Database } from '../../src/store/database.ts';
import { readOnlyQuery } from '../../src/store/read-only-query.ts';
import { finishRunIfDone } from '../../src/store/runs.ts';
import { createTestDatabase, type TestDatabase } from '../support/database.ts';
import { claimOf, enqueuedRun, finishedRun, outcomeOf, resultOf } from '../support/ledger.ts';
import { completeChunk } from '../support/one-chunk.ts';

const PAGE = readFileSync(new URL('../../docs/sql.md', import.meta.url), 'utf8');
const QUERIES = [...PAGE.matchAll(/^## (.+?)$[^`]*?```sql\n([^`]+)```/gms)].map(
  ([, title = '', sql = '']) => [title, sql] as const,
);

let fixture: TestDatabase;
let database: Database;
beforeAll(async () => {
  fixture = await createTestDatabase();
  database = fixture.database;
  await finishedRun(database, 40, 8);
  // The same file again, with better rewrites and a row error.
  const run = await enqueuedRun(database, 40, 40);
  const claim = await claimOf(database, run.id, 0);
  const outcome = await outcomeOf(database, claim, new Set([7]));
  const results = outcome.results.map(({ rowNo, outcome }) =>
    outcome === 'still_toxic'
      ? resultOf(rowNo, { outcome: 'detoxified', toxicityAfter: 0.1, meta: { source: 'forum' } })
      : resultOf(rowNo, { meta: { source: 'forum' } }),
  );
  await completeChunk(database, claim, { ...outcome, results });
  await finishRunIfDone(database, run.id);
});
afterAll(() => fixture.drop());

test('the page has ten queries, and one block each', () => {
  expect(QUERIES.filter(([title]) => /^\d+\. /.test(title))).toHaveLength(10);
  expect(QUERIES).toHaveLength(PAGE.split('```sql').length - 1);
});

test.each(QUERIES.filter(([title]) => title !== 'Indexes'))('%s', async (_, sql) => {
  let count = 0;
  // As `detoxq query` runs it.
  await readOnlyQuery(database, sql, (lines) => {
    count += lines.length;
  });
  expect(count).toBeGreaterThan(0);
});

test('the cleaned corpus has the source of clean rows and the rewrite of the others', async () => {
  const [, sql] = QUERIES[2]!;
  const rows = await database.query<{ row_no: number; text: string }>(sql);
  expect(rows.slice(0, 3)).toEqual([
    { row_no: 0, row_key: 'key-0', text: 'comment number 0' },
    { row_no: 1, row_key: 'key-1', text: 'kind comment number 1' },
    { row_no: 2, row_key: 'key-2', text: 'kind comment number 2' },
  ]);
});

test('the steps of toxicity count every scored row on both sides', async () => {
  const [, sql] = QUERIES[5]!;
  const rows = await database.query<{ before: number; after: number }>(sql);
  expect(rows.reduce((total, row) => total + row.before, 0)).toBe(39);
  expect(rows.reduce((total, row) => total + row.after, 0)).toBe(39);
});

test('the index is made on the partition of the run', async () => {
  await database.query(QUERIES.at(-1)![1]);
  const indexes = await database.query("SELECT FROM pg_indexes WHERE indexname LIKE 'results_r%_outcome'");
  expect(indexes).toHaveLength(1);
});
