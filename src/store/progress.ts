import { UsageError } from '../contract/errors.ts';
import type { Outcome } from '../contract/outcome.ts';
import type { RunProgress } from '../contract/run.ts';
import type { Connection } from './database.ts';
import { getRun } from './runs.ts';

type ProgressRow = Omit<RunProgress, 'outcomes'> & Readonly<Record<Outcome, number>>;

/** How far a run is, from the counters of the ledger. It is cheap at any size. `rowsDone` counts row errors, too. */
export async function readProgress(connection: Connection, runId: string): Promise<RunProgress> {
  const [row] = await connection.query<ProgressRow>(
    `SELECT run_id AS "runId", state, rows_enqueued AS "rowsEnqueued", rows_total AS "rowsTotal",
       rows_done AS "rowsDone", row_errors AS "rowErrors", chunks_queued AS "chunksQueued",
       chunks_active AS "chunksActive", chunks_done AS "chunksDone",
       clean, detoxified, still_toxic, unchanged, rejected
     FROM detoxq.run_progress WHERE run_id = $1`,
    [runId],
  );
  if (row === undefined)
    throw new UsageError(`there is no run ${runId}`, { code: 'run_not_found', data: { run: runId } });
  const { clean, detoxified, still_toxic, unchanged, rejected, ...counts } = row;
  return { ...counts, outcomes: { clean, detoxified, still_toxic, unchanged, rejected } };
}

export interface RunSummary {
  readonly progress: RunProgress;
  /** Rows that were rewritten: outcomes `detoxified` and `still_toxic`. */
  readonly rowsRewritten: number;
  /** Mean probability of the toxic label over the rewritten rows; null when there are none. */
  readonly meanToxicityBefore: number | null;
  readonly meanToxicityAfter: number | null;
  /** Of a run in which no row was toxic: the highest probability of the toxic label, null without one. Else null. */
  readonly highestToxicity: number | null;
  readonly tokensIn: number;
  readonly tokensOut: number;
  readonly rowErrorsByCode: Readonly<Record<string, number>>;
  /** Milliseconds by stage, summed over all chunks and workers. */
  readonly timingsMs: Readonly<Record<string, number>>;
  /** First claim and last completion; null before them. */
  readonly startedAt: Date | null;
  readonly finishedAt: Date | null;
}

interface Totals {
  readonly rowsRewritten: number;
  readonly meanToxicityBefore: number | null;
  readonly meanToxicityAfter: number | null;
  readonly tokensIn: number;
  readonly tokensOut: number;
  readonly startedAt: Date | null;
  readonly finishedAt: Date | null;
}

/** The results of a run so far, in sum. It reads the ledger and the row errors, and the results only where all rows are clean. */
export async function readSummary(connection: Connection, runId: string): Promise<RunSummary> {
  const run = await getRun(connection, runId);
  const [totals] = await connection.query<Totals>(
    `SELECT rows AS "rowsRewritten",
       before / nullif(rows, 0) AS "meanToxicityBefore",
       after / nullif(rows, 0) AS "meanToxicityAfter",
       tokens_in AS "tokensIn", tokens_out AS "tokensOut", started_at AS "startedAt", finished_at AS "finishedAt"
     FROM (
       SELECT coalesce(sum(rows_detoxified + rows_still_toxic), 0)::bigint AS rows,
         sum(toxicity_before_sum) AS before, sum(toxicity_after_sum) AS after,
         coalesce(sum(tokens_in), 0)::bigint AS tokens_in, coalesce(sum(tokens_out), 0)::bigint AS tokens_out,
         min(claimed_at) AS started_at, max(done_at) AS finished_at
       FROM detoxq.chunks WHERE run_id = $1
     ) AS ledger`,
    [run.id],
  );
  const errors = await connection.query<{ code: string; rows: number }>(
    'SELECT code, count(*) AS rows FROM detoxq.row_errors WHERE run_id = $1 GROUP BY code ORDER BY rows DESC, code',
    [run.id],
  );
  const timings = await connection.query<{ stage: string; ms: number }>(
    `SELECT stage, sum(ms::double precision) AS ms
     FROM detoxq.chunks, jsonb_each_text(timings) AS timing (stage, ms) WHERE run_id = $1 GROUP BY stage ORDER BY stage`,
    [run.id],
  );
  if (totals === undefined) throw new Error('a query over all chunks gave no row');
  const progress = await readProgress(connection, run.id);
  return {
    progress,
    ...totals,
    highestToxicity: await highestToxicity(connection, progress),
    rowErrorsByCode: Object.fromEntries(errors.map(({ code, rows }) => [code, rows])),
    timingsMs: Object.fromEntries(timings.map(({ stage, ms }) => [stage, ms])),
  };
}

async function highestToxicity(connection: Connection, progress: RunProgress): Promise<number | null> {
  const { runId, rowsDone, rowErrors, outcomes } = progress;
  if (outcomes.clean === 0 || outcomes.clean + rowErrors < rowsDone) return null;
  const [row] = await connection.query<{ highest: number | null }>(
    'SELECT max(toxicity_before) AS highest FROM detoxq.results WHERE run_id = $1',
    [runId],
  );
  return row?.highest ?? null;
}
