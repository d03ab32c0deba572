import type { RowResult } from '../../contract/outcome.ts';
import type { Example } from './comparison.ts';

const EXAMPLES = 8;

/** What one detoxifier made of the rows. */
interface RowsOf {
  readonly checkpoint: string;
  readonly results: readonly RowResult[];
}

/**
 * Some rows that a detoxifier wrote for, spread evenly over the data, with what each made of them; those on which they
 * differ where there are enough.
 */
export function pickExamples(systems: readonly RowsOf[]): Example[] {
  const byRow = systems.map(({ results }) => new Map(results.map((result) => [result.rowNo, result])));
  const written = new Map<number, string>();
  for (const { results } of systems) {
    for (const { rowNo, text, outcome } of results) if (outcome !== 'clean') written.set(rowNo, text);
  }
  const all = [...written]
    .sort(([a], [b]) => a - b)
    .map(([rowNo, text]) => ({
      rowNo,
      text,
      outputs: systems.map(({ checkpoint }, at) => {
        const result = byRow[at]?.get(rowNo);
        return { checkpoint, outcome: result?.outcome ?? 'failed', text: result?.detoxified ?? null };
      }),
    }));
  const different = all.filter(({ outputs }) => new Set(outputs.map(({ text, outcome }) => text ?? outcome)).size > 1);
  const rows = different.length >= EXAMPLES ? different : all;
  const step = Math.max(1, rows.length / EXAMPLES);
  return rows.filter((_, at) => Math.floor(at / step) !== Math.floor((at - 1) / step));
}

/** The rows of several runs side by side. Run ids are letters and digits. */
export function comparisonSql(runs: readonly string[]): string {
  const listed = runs.map((run) => `'${run.replaceAll("'", "''")}'`).join(', ');
  return `SELECT row_no, runs.name AS run, outcome, toxicity_before, toxicity_after, text, detoxified
FROM results JOIN runs ON runs.id = results.run_id
WHERE run_id IN (${listed})
ORDER BY row_no, runs.created_at`;
}
