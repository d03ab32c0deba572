import { afterAll, beforeAll, expect, test } from 'vitest';
import type { Database } from '../../src/store/database.ts';
import { EnginesClosedError } from '../../src/worker/engines.ts';
import { isolateRefusedRows } from '../../src/worker/isolate-write.ts';
import { createTestDatabase, type TestDatabase } from '../support/database.ts';
import { claimOf, enqueuedRun, outcomeOf } from '../support/ledger.ts';
import { completeChunk } from '../support/one-chunk.ts';

const ROWS = 50;

let fixture: TestDatabase;
beforeAll(async () => {
  fixture = await createTestDatabase();
  await fixture.database.query('ALTER TABLE detoxq.results ADD CONSTRAINT odd CHECK (row_no % 10 <> 7)');
});
afterAll(() => fixture.drop());

/** The same database, which calls `onTrial` before each trial. */
function observed(onTrial: (trial: number) => Promise<void> | void): Database {
  let trials = 0;
  return {
    ...fixture.database,
    async rolledBack(work, signal) {
      trials += 1;
      await onTrial(trials);
      return fixture.database.rolledBack(work, signal);
    },
  };
}

async function refused() {
  const run = await enqueuedRun(fixture.database, ROWS, ROWS);
  const claim = await claimOf(fixture.database, run.id, 0);
  return { run, claim, outcome: await outcomeOf(fixture.database, claim) };
}

const stored = (runId: string) =>
  fixture.database.query(
    'SELECT row_no FROM results WHERE run_id = $1 UNION ALL SELECT row_no FROM row_errors WHERE run_id = $1',
    [runId],
  );

test('the rows at fault are found, within the bound of trials, and nothing is written meanwhile', async () => {
  const { run, claim, outcome } = await refused();
  let trials = 0;
  const database = observed((trial) => {
    trials = trial;
  });
  const storable = await isolateRefusedRows(database, { claim, outcome }, new Map(), new AbortController().signal);
  expect(storable?.errors.map(({ rowNo, code }) => [rowNo, code])).toEqual(
    [7, 17, 27, 37, 47].map((rowNo) => [rowNo, 'not_storable']),
  );
  expect(trials).toBeLessThan(2 * ROWS);
  expect(await stored(run.id)).toHaveLength(0);
  expect(await completeChunk(fixture.database, claim, storable!)).toBe(true);
  expect(await stored(run.id)).toHaveLength(ROWS);
});

test('when the claim is taken over in between, it ends at the next trial', async () => {
  const { run, claim, outcome } = await refused();
  let trials = 0;
  const database = observed(async (trial) => {
    trials = trial;
    if (trial === 4) await claimOf(fixture.database, run.id, 0, 'other');
  });
  expect(await isolateRefusedRows(database, { claim, outcome }, new Map(), new AbortController().signal)).toBeNull();
  expect(trials).toBe(4);
  expect(await stored(run.id)).toHaveLength(0);
});

test('when the worker stops in between, nothing more is tried', async () => {
  const { claim, outcome } = await refused();
  const stopping = new AbortController();
  let trials = 0;
  const database = observed((trial) => {
    trials = trial;
    if (trial === 4) stopping.abort();
  });
  await expect(isolateRefusedRows(database, { claim, outcome }, new Map(), stopping.signal)).rejects.toThrow(
    EnginesClosedError,
  );
  expect(trials).toBe(4);
});
