import type { Outcome, RowError, RowResult } from '../contract/outcome.ts';
import type { Connection } from './database.ts';

const PAGE_ROWS = 2_000;

/**
 * The results of a run by row number, with one page in memory at a time. It holds no transaction open, so rows of chunks that
 * are done meanwhile may or may not be among them.
 *
 * @param outcomes only these; all when left out
 */
export function streamResults(
  connection: Connection,
  runId: string,
  { outcomes }: { readonly outcomes?: readonly Outcome[] } = {},
): AsyncIterable<RowResult> {
  return byRowNo((after) =>
    connection.query<RowResult>(
      `SELECT row_no AS "rowNo", row_key AS "rowKey", outcome, text, detoxified,
         toxicity_before AS "toxicityBefore", toxicity_after AS "toxicityAfter", similarity,
         tokens_in AS "tokensIn", tokens_out AS "tokensOut", meta
       FROM detoxq.results
       WHERE run_id = $1 AND row_no > $2 AND ($4::text[] IS NULL OR outcome = ANY ($4))
       ORDER BY row_no LIMIT $3`,
      [runId, after, PAGE_ROWS, outcomes ?? null],
    ),
  );
}

/** The rows of a run that have no result, by row number. */
export function streamRowErrors(connection: Connection, runId: string): AsyncIterable<RowError> {
  return byRowNo((after) =>
    connection.query<RowError>(
      `SELECT row_no AS "rowNo", row_key AS "rowKey", stage, code, message, attempts
       FROM detoxq.row_errors WHERE run_id = $1 AND row_no > $2 ORDER BY row_no LIMIT $3`,
      [runId, after, PAGE_ROWS],
    ),
  );
}

async function* byRowNo<Row extends { readonly rowNo: number }>(
  readPage: (after: number) => Promise<Row[]>,
): AsyncGenerator<Row> {
  let after = -1;
  for (;;) {
    const page = await readPage(after);
    yield* page;
    const last = page.at(-1);
    if (last === undefined || page.length < PAGE_ROWS) return;
    after = last.rowNo;
  }
}
