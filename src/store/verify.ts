import { OUTCOMES, type Outcome } from '../contract/outcome.ts';
import type { Run } from '../contract/run.ts';
import type { Connection, Database } from './database.ts';
import { getRun } from './runs.ts';

/**
 * - `not_finished`: the run is not in state done
 * - `chunks_not_done`: numbers are chunk numbers
 * - `ledger`: chunks that do not follow the one before without a gap, or totals that differ; numbers are chunk numbers
 * - `missing`: rows with neither result nor row error
 * - `doubled`: rows with both
 * - `outside`: rows that the source does not have
 * - `counts`: the ledger counted other rows than there are
 */
export type FindingKind = 'not_finished' | 'chunks_not_done' | 'ledger' | 'missing' | 'doubled' | 'outside' | 'counts';

interface Finding {
  readonly kind: FindingKind;
  /** Rows or chunks concerned. */
  readonly count: number;
  /** The first of them. */
  readonly numbers: readonly number[];
  readonly message: string;
  readonly remedy: Remedy;
}

/**
 * What helps against a finding.
 * - `resume`: going on with the run, which is paused
 * - `read_again`: going on with the run, which reads what the ledger lacks
 * - `wait`: the run is under way
 * - `workers`: workers settle the chunks
 * - `chunks`: the rows come with the chunks that are not done
 * - `new_run`: a cancelled run stays as it is
 * - `none`: rows were changed by hand, or a backup was restored in part; only a new run helps
 */
export type Remedy = 'resume' | 'read_again' | 'wait' | 'workers' | 'chunks' | 'new_run' | 'none';

export interface Verification {
  /** Every row of the source has exactly one result or row error, and the ledger says so too. */
  readonly holds: boolean;
  /** Rows of the source; as far as it was enqueued when it was not read to its end. */
  readonly rowsTotal: number;
  readonly results: number;
  readonly rowErrors: number;
  readonly findings: readonly Finding[];
}

const NUMBERS_SHOWN = 20;

/** Checks a run, in one snapshot, by sets: about a scan of its results. */
export function verifyRun(database: Database, runId: string): Promise<Verification> {
  return database.transaction(async (connection) => {
    await connection.query('SET TRANSACTION ISOLATION LEVEL REPEATABLE READ, READ ONLY');
    const run = await getRun(connection, runId);
    const ledger = await readLedger(connection, run.id);
    const rowsTotal = run.rowsTotal ?? ledger.rows;
    const rows = await readRows(connection, run.id, rowsTotal);
    const gaps = run.chunksTotal !== null && ledger.chunks < run.chunksTotal;
    const findings: Finding[] = [];
    const note = (kind: FindingKind, count: number, numbers: readonly number[], message: string) => {
      if (count > 0) findings.push({ kind, count, numbers, message, remedy: remedyFor(kind, run, gaps) });
    };

    note('not_finished', run.state === 'done' ? 0 : 1, [], `it is ${run.state}`);
    const open = await numbered(connection, OPEN_CHUNKS, [run.id]);
    note('chunks_not_done', open.count, open.numbers, `${open.count} chunks are not done`);

    const broken = await numbered(connection, BROKEN_CHUNKS, [run.id]);
    note('ledger', broken.count, broken.numbers, `${broken.count} chunks do not follow the chunk before them`);
    const chunksTotal = run.chunksTotal ?? ledger.chunks;
    if (ledger.rows !== rowsTotal || ledger.chunks !== chunksTotal) {
      const has = `the ledger has ${ledger.rows} rows in ${ledger.chunks} chunks`;
      note('ledger', 1, [], `${has}, the source ${rowsTotal} in ${chunksTotal}`);
    }

    const missing = rowsTotal - (rows.resultsInside + rows.errorsInside - rows.doubledInside);
    const absent = missing > 0 ? await readGaps(connection, run.id, rowsTotal) : [];
    note('missing', missing, absent, `${missing} rows have neither a result nor a row error`);
    const doubled = await numbered(connection, DOUBLED_ROWS, [run.id]);
    note('doubled', doubled.count, doubled.numbers, `${doubled.count} rows have a result and a row error`);
    const outside = await numbered(connection, OUTSIDE_ROWS, [run.id, rowsTotal]);
    note('outside', outside.count, outside.numbers, `${outside.count} rows are not in the source`);

    for (const outcome of OUTCOMES) {
      const off = Math.abs(ledger[outcome] - rows[outcome]);
      note('counts', off, [], `${rows[outcome]} rows are ${outcome}, the ledger counts ${ledger[outcome]}`);
    }
    const off = Math.abs(ledger.errors - rows.errors);
    note('counts', off, [], `there are ${rows.errors} row errors, the ledger counts ${ledger.errors}`);

    return { holds: findings.length === 0, rowsTotal, results: rows.results, rowErrors: rows.errors, findings };
  });
}

function remedyFor(kind: FindingKind, { state, rowsTotal }: Run, gaps: boolean): Remedy {
  switch (kind) {
    case 'not_finished':
      if (state === 'cancelled') return 'new_run';
      return state === 'paused' ? 'resume' : 'wait';
    case 'chunks_not_done':
      if (state === 'done') return 'none';
      return state === 'cancelled' ? 'new_run' : 'workers';
    case 'ledger':
      // Whatever the ledger lacks is read again.
      return gaps || rowsTotal === null ? 'read_again' : 'none';
    case 'missing':
      if (state !== 'done') return 'chunks';
      return gaps ? 'read_again' : 'none';
    case 'doubled':
    case 'outside':
    case 'counts':
      return 'none';
  }
}

type Counts = Readonly<Record<Outcome, number>>;

interface LedgerCounts extends Counts {
  readonly chunks: number;
  readonly rows: number;
  readonly errors: number;
}

async function readLedger(connection: Connection, runId: string): Promise<LedgerCounts> {
  return only(
    await connection.query<LedgerCounts>(
      `SELECT count(*) AS chunks, coalesce(sum(row_count), 0)::bigint AS rows,
         coalesce(sum(row_errors), 0)::bigint AS errors,
         coalesce(sum(rows_clean), 0)::bigint AS clean,
         coalesce(sum(rows_detoxified), 0)::bigint AS detoxified,
         coalesce(sum(rows_still_toxic), 0)::bigint AS still_toxic,
         coalesce(sum(rows_unchanged), 0)::bigint AS unchanged,
         coalesce(sum(rows_rejected), 0)::bigint AS rejected
       FROM detoxq.chunks WHERE run_id = $1`,
      [runId],
    ),
  );
}

interface RowCounts extends Counts {
  readonly results: number;
  readonly resultsInside: number;
  readonly errors: number;
  readonly errorsInside: number;
  readonly doubledInside: number;
}

async function readRows(connection: Connection, runId: string, rowsTotal: number): Promise<RowCounts> {
  return only(
    await connection.query<RowCounts>(
      `SELECT * FROM (
         SELECT count(*) AS results, count(*) FILTER (WHERE row_no < $2) AS "resultsInside",
           count(*) FILTER (WHERE outcome = 'clean') AS clean,
           count(*) FILTER (WHERE outcome = 'detoxified') AS detoxified,
           count(*) FILTER (WHERE outcome = 'still_toxic') AS still_toxic,
           count(*) FILTER (WHERE outcome = 'unchanged') AS unchanged,
           count(*) FILTER (WHERE outcome = 'rejected') AS rejected
         FROM detoxq.results WHERE run_id = $1
       ) AS result_counts, (
         SELECT count(*) AS errors, count(*) FILTER (WHERE row_no < $2) AS "errorsInside"
         FROM detoxq.row_errors WHERE run_id = $1
       ) AS error_counts, (
         SELECT count(*) AS "doubledInside"
         FROM detoxq.row_errors JOIN detoxq.results USING (run_id, row_no) WHERE run_id = $1 AND row_no < $2
       ) AS double_counts`,
      [runId, rowsTotal],
    ),
  );
}

const OPEN_CHUNKS = "SELECT chunk_no FROM detoxq.chunks WHERE run_id = $1 AND state <> 'done'";
const BROKEN_CHUNKS = `
  SELECT chunk_no FROM (
    SELECT chunk_no, first_row,
      row_number() OVER (ORDER BY chunk_no) - 1 AS right_no,
      coalesce(sum(row_count) OVER (ORDER BY chunk_no ROWS BETWEEN UNBOUNDED PRECEDING AND 1 PRECEDING), 0)
        AS right_first_row
    FROM detoxq.chunks WHERE run_id = $1
  ) AS numbered
  WHERE (chunk_no, first_row) <> (right_no, right_first_row)`;
const DOUBLED_ROWS =
  'SELECT row_no FROM detoxq.row_errors JOIN detoxq.results USING (run_id, row_no) WHERE run_id = $1';
const OUTSIDE_ROWS = `
  SELECT row_no FROM detoxq.results WHERE run_id = $1 AND row_no >= $2
  UNION SELECT row_no FROM detoxq.row_errors WHERE run_id = $1 AND row_no >= $2`;

/** How many numbers a query of one column gives, and the first of them. */
async function numbered(
  connection: Connection,
  query: string,
  values: readonly unknown[],
): Promise<{ count: number; numbers: number[] }> {
  const rows = await connection.query<{ number: number; count: number }>(
    `SELECT number, count(*) OVER () AS count FROM (${query}) AS found (number)
     ORDER BY number LIMIT ${NUMBERS_SHOWN}`,
    values,
  );
  return { count: rows[0]?.count ?? 0, numbers: rows.map((row) => row.number) };
}

/** The first row numbers that are neither in results nor in row_errors. */
async function readGaps(connection: Connection, runId: string, rowsTotal: number): Promise<number[]> {
  const gaps = await connection.query<{ from: number; until: number }>(
    `SELECT row_no + 1 AS from, next AS until FROM (
       SELECT row_no, lead(row_no, 1, $2::bigint) OVER (ORDER BY row_no) AS next FROM (
         SELECT -1::bigint AS row_no
         UNION ALL SELECT row_no FROM detoxq.results WHERE run_id = $1 AND row_no < $2
         UNION ALL SELECT row_no FROM detoxq.row_errors WHERE run_id = $1 AND row_no < $2
       ) AS present
     ) AS neighbours
     WHERE next > row_no + 1 ORDER BY row_no LIMIT ${NUMBERS_SHOWN}`,
    [runId, rowsTotal],
  );
  const numbers: number[] = [];
  for (const { from, until } of gaps) {
    for (let rowNo = from; rowNo < until && numbers.length < NUMBERS_SHOWN; rowNo += 1) numbers.push(rowNo);
  }
  return numbers;
}

function only<Row>(rows: readonly Row[]): Row {
  const [row] = rows;
  if (row === undefined) throw new Error('a query over whole tables gave no row');
  return row;
}
