import type { Completion } from '../contract/claim.ts';
import { completionValues } from './completion-values.ts';
import type { Connection, Database } from './database.ts';

/** The chunks of the statement by their position in it. */
const GIVEN = `
  WITH given AS (
    SELECT * FROM unnest($1::text[], $2::integer[], $3::integer[], $4::jsonb[],
      $5::integer[], $6::integer[], $7::integer[], $8::integer[], $9::integer[], $10::integer[],
      $11::double precision[], $12::double precision[], $13::bigint[], $14::bigint[], $15::integer[], $16::integer[])
      WITH ORDINALITY AS chunk (run_id, chunk_no, claim_no, timings,
        clean, detoxified, still_toxic, unchanged, rejected, errors,
        toxicity_before_sum, toxicity_after_sum, tokens_in, tokens_out, scorer_id, detoxifier_id, position)
  )`;

const CLAIM_IS_OURS = `
    chunks.run_id = given.run_id AND chunks.chunk_no = given.chunk_no
      AND chunks.state = 'active' AND chunks.claims = given.claim_no`;

/**
 * Rows of those chunks only whose claim still held. `unnest` stands in a list of columns, where arrays are taken apart as
 * rows are asked for; in FROM, each of them would be written to a table of its own first (1 µs of 5 per row). An array
 * that is null gives nulls.
 */
const INSERT_RESULTS = `
    INSERT INTO detoxq.results (run_id, row_no, row_key, outcome, text, detoxified, toxicity_before, toxicity_after,
      similarity, scorer_id, detoxifier_id, tokens_in, tokens_out, meta)
    SELECT done.run_id, row_no, row_key, outcome, text, detoxified, toxicity_before, toxicity_after,
      similarity, coalesce(rated_by, scorer_id), CASE WHEN outcome <> 'clean' THEN detoxifier_id END,
      tokens_in, tokens_out, meta
    FROM (
      SELECT unnest($17::integer[]) AS position, unnest($18::bigint[]) AS row_no, unnest($19::text[]) AS row_key,
        unnest($20::text[]) AS outcome, unnest($21::text[]) AS text, unnest($22::text[]) AS detoxified,
        unnest($23::real[]) AS toxicity_before, unnest($24::real[]) AS toxicity_after,
        unnest($25::real[]) AS similarity, unnest($26::integer[]) AS tokens_in, unnest($27::integer[]) AS tokens_out,
        unnest($28::jsonb[]) AS meta, unnest($29::integer[]) AS rated_by
    ) AS result JOIN done USING (position)`;

const ERRORS = `
    unnest($30::integer[], $31::bigint[], $32::text[], $33::text[], $34::text[], $35::text[], $36::integer[],
      $37::jsonb[]) AS error (position, row_no, row_key, stage, code, message, attempts, source)`;

/** One statement. Of each chunk it writes everything, or nothing when its claim is not the newest or the chunk is done. */
const COMPLETE = `${GIVEN}, done AS (
    UPDATE detoxq.chunks SET state = 'done', done_at = now(), payload = NULL, decoding = 0, last_fault = NULL, last_fault_at = NULL,
      timings = given.timings,
      rows_clean = clean, rows_detoxified = detoxified, rows_still_toxic = still_toxic, rows_unchanged = unchanged,
      rows_rejected = rejected, row_errors = errors, toxicity_before_sum = given.toxicity_before_sum,
      toxicity_after_sum = given.toxicity_after_sum, tokens_in = given.tokens_in, tokens_out = given.tokens_out
    FROM given WHERE ${CLAIM_IS_OURS}
    RETURNING position, chunks.run_id, scorer_id, detoxifier_id
  ), written AS (${INSERT_RESULTS}), noted AS (
    INSERT INTO detoxq.row_errors (run_id, row_no, row_key, stage, code, message, attempts, source)
    SELECT done.run_id, row_no, row_key, stage, code, message, attempts, source
    FROM ${ERRORS} JOIN done USING (position)
  )
  SELECT position FROM done`;

/**
 * The same for chunks whose row errors were retried. New results replace their row errors, and row errors that came again
 * are counted. All else of the chunk stays.
 */
const COMPLETE_RETRY = `${GIVEN}, done AS (
    UPDATE detoxq.chunks SET state = 'done', payload = NULL, retrying = 0, decoding = 0, last_fault = NULL, last_fault_at = NULL,
      timings = (
        SELECT jsonb_object_agg(stage, ms) FROM (
          SELECT stage, sum(ms::double precision) AS ms FROM (
            SELECT * FROM jsonb_each_text(chunks.timings) UNION ALL SELECT * FROM jsonb_each_text(given.timings)
          ) AS part (stage, ms) GROUP BY stage
        ) AS total
      ),
      rows_clean = rows_clean + clean, rows_detoxified = rows_detoxified + detoxified,
      rows_still_toxic = rows_still_toxic + still_toxic, rows_unchanged = rows_unchanged + unchanged,
      rows_rejected = rows_rejected + rejected, row_errors = row_errors - retrying + errors,
      toxicity_before_sum = chunks.toxicity_before_sum + given.toxicity_before_sum,
      toxicity_after_sum = chunks.toxicity_after_sum + given.toxicity_after_sum,
      tokens_in = chunks.tokens_in + given.tokens_in, tokens_out = chunks.tokens_out + given.tokens_out
    FROM given WHERE ${CLAIM_IS_OURS}
    RETURNING position, chunks.run_id, scorer_id, detoxifier_id
  ), written AS (${INSERT_RESULTS}), cleared AS (
    DELETE FROM detoxq.row_errors USING unnest($17::integer[], $18::bigint[]) AS result (position, row_no) JOIN done USING (position)
    WHERE row_errors.run_id = done.run_id AND row_errors.row_no = result.row_no
  ), noted AS (
    UPDATE detoxq.row_errors SET stage = error.stage, code = error.code, message = error.message,
      attempts = row_errors.attempts + error.attempts, created_at = now()
    FROM ${ERRORS} JOIN done USING (position)
    WHERE row_errors.run_id = done.run_id AND row_errors.row_no = error.row_no
  )
  SELECT position FROM done`;

/**
 * Writes the outcomes of chunks and marks them done, in one statement and one commit. Each chunk is guarded by its own claim.
 * The statement succeeds or fails as a whole: after an error, nothing of any chunk is written.
 *
 * @returns for each chunk whether its claim was ours. If not (taken over, or completed already), nothing of it was written.
 * @throws Error if results and errors are not exactly the rows of a chunk: a defect of the caller
 */
export async function completeChunks(connection: Connection, completions: readonly Completion[]): Promise<boolean[]> {
  for (const completion of completions) requireEveryRowOnce(completion);
  const written = completions.map(() => false);
  // The statements for first tries and retries differ. If the second one failed, the first one would have written a part.
  const retried = completions.filter(({ claim }) => claim.retriedRows > 0);
  if (retried.length > 0 && retried.length < completions.length) throw new Error('retried chunks are completed apart');
  const rows = await connection.query<{ position: number }>(
    retried.length > 0 ? COMPLETE_RETRY : COMPLETE,
    completionValues(completions),
  );
  for (const { position } of rows) written[position - 1] = true;
  return written;
}

/**
 * Whether Postgres would take a completion: it is written, and rolled back.
 * @returns false when the claim is no longer ours
 * @throws DetoxqError with Postgres's reason when it refuses
 */
export async function tryCompletion(database: Database, completion: Completion): Promise<boolean> {
  const [written = false] = await database.rolledBack((connection) => completeChunks(connection, [completion]));
  return written;
}

function requireEveryRowOnce({ claim, outcome: { results, errors } }: Completion): void {
  const { runId, chunkNo, firstRow, rowCount, retriedRows } = claim;
  const expected = retriedRows > 0 ? retriedRows : rowCount;
  const seen = new Uint8Array(rowCount);
  let once = 0;
  for (const rows of [results, errors]) {
    for (const { rowNo } of rows) {
      // Outside of the chunk it is undefined.
      if (seen[rowNo - firstRow] !== 0) continue;
      seen[rowNo - firstRow] = 1;
      once += 1;
    }
  }
  if (once === expected && results.length + errors.length === expected) return;
  throw new Error(
    `run ${runId}, chunk ${chunkNo}: ${results.length} results and ${errors.length} row errors are not ` +
      `${expected} of the rows ${firstRow} to ${firstRow + rowCount - 1}, each once`,
  );
}
