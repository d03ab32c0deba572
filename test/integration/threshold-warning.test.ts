import { afterAll, beforeAll, expect, test } from 'vitest';
import { summaryText } from '../../src/cli/terminal/summary.ts';
import { reportRun } from '../../src/report/summary.ts';
import { readSummary } from '../../src/store/progress.ts';
import { finishRunIfDone, getRun } from '../../src/store/runs.ts';
import { createTestDatabase, type TestDatabase } from '../support/database.ts';
import { claimOf, enqueuedRun, errorOf, outcomeOf, resultOf } from '../support/ledger.ts';
import { completeChunk } from '../support/one-chunk.ts';

let fixture: TestDatabase;
beforeAll(async () => {
  fixture = await createTestDatabase();
});
afterAll(() => fixture.drop());

async function summaryOf(
  outcomes: readonly ('clean' | 'rejected')[],
): Promise<{ highest: number | null; text: string }> {
  const { database } = fixture;
  const run = await enqueuedRun(database, outcomes.length + 1, outcomes.length + 1);
  const claim = await claimOf(database, run.id, 0);
  const results = outcomes.map((outcome, at) =>
    resultOf(at, { outcome, toxicityBefore: at === 0 ? null : 0.2 * at, toxicityAfter: null, detoxified: null }),
  );
  const errors = [errorOf(outcomes.length)];
  await completeChunk(database, claim, { ...(await outcomeOf(database, claim)), results, errors });
  await finishRunIfDone(database, run.id);
  const report = reportRun(await getRun(database, run.id), await readSummary(database, run.id));
  return { highest: report.highestToxicity, text: summaryText(report, 'somewhere') };
}

test('where no row reaches the threshold, the summary says what the highest toxicity was', async () => {
  const { highest, text } = await summaryOf(['clean', 'clean', 'clean']);
  expect(highest).toBeCloseTo(0.4);
  expect(text).toContain('no row reached the threshold 0.5: the highest toxicity is 0.400');
});

test('one toxic row is enough for silence', async () => {
  const { highest, text } = await summaryOf(['clean', 'clean', 'clean', 'rejected']);
  expect(highest).toBeNull();
  expect(text).not.toContain('warning');
});
