import { type Evaluation, evaluateRows, type Judges, joinSystems, type MeasuredRun, runRows } from '../report/index.ts';
import type { Connection } from '../store/database.ts';
import { streamResults, streamRowErrors } from '../store/results.ts';

/**
 * Judges what several runs made of the same rows, all on the same ones: those that some run found toxic.
 * @returns null where there is no such row
 */
export async function judgeRuns(
  connection: Connection,
  runs: readonly MeasuredRun[],
  judges: Judges,
): Promise<Evaluation | null> {
  const systems = runs.map(({ checkpoint, report: { run } }) => ({
    name: checkpoint,
    rows: runRows(streamResults(connection, run), streamRowErrors(connection, run), () => []),
  }));
  const tally = { read: 0, leftOut: new Map<string, number>(), failedAsCopies: systems.map(() => 0) };
  const rows = joinSystems(systems, 'toxic', tally);
  const evaluation = await evaluateRows(rows, { systems: systems.map(({ name }) => name), judges });
  return evaluation.rows === 0 ? null : evaluation;
}
