import { OUTCOMES, type Outcome, type RowError, type RowResult } from '../contract/outcome.ts';
import type { JsonObject, SourceRow } from '../contract/row.ts';
import { numberArray, textArray } from './binary-array.ts';
import type { Claim } from './chunks.ts';
import type { Connection } from './pool.ts';
import { storableJson, storableText } from './storable.ts';

/** A row error, with the row itself where it was read: so that it can be tried again. */
export interface FailedRow extends RowError {
  readonly source?: SourceRow;
}

export interface ChunkOutcome {
  readonly results: readonly RowResult[];
  readonly errors: readonly FailedRow[];
  /** Ids in `models` (see `modelId`). */
  readonly scorerId: number;
  /** The same of the prefilter; null where the run has none. */
  readonly prefilterId?: number | null;
  readonly detoxifierId: number;
  /** Milliseconds by stage. */
  readonly timingsMs: Readonly<Record<string, number>>;
}

const INSERT_RESULTS = `
    INSERT INTO results (run_id, row_no, row_key, outcome, text, detoxified, toxicity_before, toxicity_after,
      similarity, scorer_id, detoxifier_id, tokens_in, tokens_out, meta)
    SELECT done.run_id, row_no, row_key, outcome, text, detoxified, toxicity_before, toxicity_after,
      similarity, rated_by, CASE WHEN outcome <> 'clean' THEN $16::integer END, tokens_in, tokens_out, meta
    FROM done, unnest($17::bigint[], $18::text[], $19::text[], $20::text[], $21::text[], $22::real[], $23::real[],
        $24::real[], $25::integer[], $26::integer[], $27::jsonb[], $15::integer[])
      AS result (row_no, row_key, outcome, text, detoxified, toxicity_before, toxicity_after,
        similarity, tokens_in, tokens_out, meta, rated_by)`;

/** One statement: everything is written, or, when the claim is no longer the newest or the chunk is done, nothing. */
const COMPLETE = `
  WITH done AS (
    UPDATE chunks SET state = 'done', done_at = now(), payload = NULL, timings = $4,
      rows_clean = $5, rows_detoxified = $6, rows_still_toxic = $7, rows_unchanged = $8, rows_rejected = $9,
      row_errors = $10, toxicity_before_sum = $11, toxicity_after_sum = $12, tokens_in = $13, tokens_out = $14
    WHERE run_id = $1 AND chunk_no = $2 AND state = 'active' AND claims = $3
    RETURNING run_id
  ), written AS (${INSERT_RESULTS}), noted AS (
    INSERT INTO row_errors (run_id, row_no, row_key, stage, code, message, attempts, source)
    SELECT done.run_id, error.*
    FROM done, unnest($28::bigint[], $29::text[], $30::text[], $31::text[], $32::text[], $33::integer[], $34::jsonb[])
      AS error
  )
  SELECT run_id FROM done`;

/**
 * The same for a chunk some of whose row errors were tried again: their results take their place, and errors that came
 * again are counted up. All else of the chunk stays.
 */
const COMPLETE_RETRY = `
  WITH done AS (
    UPDATE chunks SET state = 'done', payload = NULL, retrying = 0,
      timings = (
        SELECT jsonb_object_agg(stage, ms) FROM (
          SELECT stage, sum(ms::double precision) AS ms FROM (
            SELECT * FROM jsonb_each_text(timings) UNION ALL SELECT * FROM jsonb_each_text($4)
          ) AS part (stage, ms) GROUP BY stage
        ) AS total
      ),
      rows_clean = rows_clean + $5, rows_detoxified = rows_detoxified + $6, rows_still_toxic = rows_still_toxic + $7,
      rows_unchanged = rows_unchanged + $8, rows_rejected = rows_rejected + $9,
      row_errors = row_errors - retrying + $10,
      toxicity_before_sum = toxicity_before_sum + $11, toxicity_after_sum = toxicity_after_sum + $12,
      tokens_in = tokens_in + $13, tokens_out = tokens_out + $14
    WHERE run_id = $1 AND chunk_no = $2 AND state = 'active' AND claims = $3
    RETURNING run_id
  ), written AS (${INSERT_RESULTS}), cleared AS (
    DELETE FROM row_errors USING done WHERE row_errors.run_id = done.run_id AND row_no = ANY ($17::bigint[])
  ), noted AS (
    UPDATE row_errors SET stage = error.stage, code = error.code, message = error.message,
      attempts = row_errors.attempts + error.attempts, created_at = now()
    FROM done, unnest($28::bigint[], $29::text[], $30::text[], $31::text[], $32::text[], $33::integer[], $34::jsonb[])
      AS error (row_no, row_key, stage, code, message, attempts, source)
    WHERE row_errors.run_id = done.run_id AND row_errors.row_no = error.row_no
  )
  SELECT run_id FROM done`;

/**
 * Writes what became of a chunk and marks it done, in one statement.
 *
 * @returns false when the claim is no longer ours (taken over, or completed already); then nothing was written
 * @throws Error when results and errors are not exactly the rows of the chunk: a defect of the caller
 */
export async function completeChunk(connection: Connection, claim: Claim, outcome: ChunkOutcome): Promise<boolean> {
  requireEveryRowOnce(claim, outcome);
  const { results, errors, scorerId } = outcome;
  const rewritten = results.filter((result) => result.detoxified !== null);
  const count = (wanted: Outcome) => results.filter((result) => result.outcome === wanted).length;
  const rows = await connection.query(claim.retrying > 0 ? COMPLETE_RETRY : COMPLETE, [
    claim.runId,
    claim.chunkNo,
    claim.claimNo,
    JSON.stringify(outcome.timingsMs),
    ...OUTCOMES.map(count),
    errors.length,
    sum(rewritten, (result) => result.toxicityBefore),
    sum(rewritten, (result) => result.toxicityAfter),
    sum(results, (result) => result.tokensIn),
    sum(results, (result) => result.tokensOut),
    numberArray(
      'integer',
      pick(results, ({ cleared }) => (cleared ? (outcome.prefilterId ?? scorerId) : scorerId)),
    ),
    outcome.detoxifierId,
    numberArray(
      'bigint',
      pick(results, (result) => result.rowNo),
    ),
    textArray(
      'text',
      pick(results, (result) => result.rowKey && storableText(result.rowKey)),
    ),
    textArray(
      'text',
      pick(results, (result) => result.outcome),
    ),
    textArray(
      'text',
      pick(results, (result) => storableText(result.text)),
    ),
    textArray(
      'text',
      pick(results, (result) => result.detoxified && storableText(result.detoxified)),
    ),
    numberArray(
      'real',
      pick(results, (result) => result.toxicityBefore),
    ),
    numberArray(
      'real',
      pick(results, (result) => result.toxicityAfter),
    ),
    numberArray(
      'real',
      pick(results, (result) => result.similarity),
    ),
    numberArray(
      'integer',
      pick(results, (result) => result.tokensIn),
    ),
    numberArray(
      'integer',
      pick(results, (result) => result.tokensOut),
    ),
    textArray(
      'jsonb',
      pick(results, (result) => result.meta && storableJson(result.meta)),
    ),
    errors.map((error) => error.rowNo),
    errors.map((error) => error.rowKey && storableText(error.rowKey)),
    errors.map((error) => error.stage),
    errors.map((error) => error.code),
    errors.map((error) => storableText(error.message)),
    errors.map((error) => error.attempts),
    errors.map((error) => error.source && storableJson({ ...error.source } satisfies JsonObject)),
  ]);
  return rows.length > 0;
}

function requireEveryRowOnce(claim: Claim, { results, errors }: ChunkOutcome): void {
  const rowNos = new Set([...results, ...errors].map((row) => row.rowNo));
  const { runId, chunkNo, firstRow, rowCount, retrying } = claim;
  const expected = retrying > 0 ? retrying : rowCount;
  const inside = [...rowNos].every((rowNo) => rowNo >= firstRow && rowNo < firstRow + rowCount);
  if (inside && rowNos.size === expected && results.length + errors.length === expected) return;
  throw new Error(
    `run ${runId}, chunk ${chunkNo}: ${results.length} results and ${errors.length} row errors are not ` +
      `${expected} of the rows ${firstRow} to ${firstRow + rowCount - 1}, each once`,
  );
}

function pick<T>(results: readonly RowResult[], column: (result: RowResult) => T): T[] {
  return results.map(column);
}

function sum(results: readonly RowResult[], value: (result: RowResult) => number | null): number {
  return results.reduce((total, result) => total + (value(result) ?? 0), 0);
}
