import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { openRuns } from '../../src/app/evaluate-runs.ts';
import { evaluateRows } from '../../src/report/evaluation/evaluation.ts';
import { reportEvaluation } from '../../src/report/evaluation/report.ts';
import type { EvaluationRow } from '../../src/report/evaluation/score-rows.ts';
import { joinSystems, type RowTally } from '../../src/report/evaluation/system-rows.ts';
import { createTestDatabase, type TestDatabase } from '../support/database.ts';
import { createFakeJudges } from '../support/fake-judges.ts';
import { DETOXIFIER, enqueuedRun, finishedRun, SCORER } from '../support/ledger.ts';

let fixture: TestDatabase;
beforeAll(async () => {
  fixture = await createTestDatabase();
});
afterAll(() => fixture.drop());

async function judged(references: readonly string[]) {
  const systems = await openRuns(fixture.database, [], references);
  const tally: RowTally = { read: 0, leftOut: new Map(), failedAsCopies: systems.map(() => 0) };
  const rows: EvaluationRow[] = [];
  async function* kept() {
    for await (const row of joinSystems(systems, 'toxic', tally)) {
      rows.push(row);
      yield row;
    }
  }
  const judges = createFakeJudges(['comment'], ['comment', 'kind', 'number']);
  const evaluation = await evaluateRows(kept(), { systems: systems.map(({ name }) => name), judges });
  return { report: reportEvaluation(evaluation, tally, systems), rows, systems };
}

describe('evaluating runs', () => {
  test('reads every row of a finished run once, and names the models that made it', async () => {
    const run = await finishedRun(fixture.database, 23, 5, new Set([6, 20]));
    const { report, rows } = await judged([run.id]);
    expect(report.rowsRead).toBe(23);
    // Outcomes follow one another by row number: each fifth row is clean, two failed (one of them a clean one).
    expect(report.leftOut).toEqual({ 'found clean': 4, engine_crashed: 2 });
    expect(report.rows).toBe(17);
    expect(report.systems[0]).toMatchObject({ name: run.id, models: { scorer: SCORER, detoxifier: DETOXIFIER } });
    expect(rows.find(({ rowNo }) => rowNo === 1)?.outputs).toEqual(['kind comment number 1']);
    expect(rows.find(({ rowNo }) => rowNo === 3)?.outputs).toEqual(['comment number 3']);
  });

  test('compares two runs over the same source; what one failed on is a copy there', async () => {
    const first = await finishedRun(fixture.database, 12, 4);
    const second = await finishedRun(fixture.database, 12, 3, new Set([1]));
    const { report, rows } = await judged([first.id, second.id]);
    expect(rows.find(({ rowNo }) => rowNo === 1)?.outputs).toEqual(['kind comment number 1', 'comment number 1']);
    expect(report.systems[1]).toMatchObject({ failedAsCopies: 1, differences: { sim: { mean: expect.any(Number) } } });
    expect(report.warnings).toEqual([`1 row failed in ${second.id} only: copies of the source are judged there.`]);
  });

  test('refuses runs that are not done, or of other sources', async () => {
    const open = await enqueuedRun(fixture.database, 4, 2);
    await expect(judged([open.id])).rejects.toThrow(`run ${open.id} is running: only a run that is done`);
    const long = await finishedRun(fixture.database, 6, 4);
    const short = await finishedRun(fixture.database, 5, 4);
    await expect(judged([long.id, short.id])).rejects.toThrow(`${short.id} has no row 6`);
  });
});
