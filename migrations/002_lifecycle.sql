-- What pause, cancel, retry and delete need; workers and producers that can be seen; partitions made by whoever may
-- begin a run, without owning the tables.

ALTER TABLE runs ADD COLUMN producer text, ADD COLUMN producer_seen_at timestamptz;

COMMENT ON COLUMN runs.producer IS 'Who reads the source, or read it last: host/pid';
COMMENT ON COLUMN runs.producer_seen_at IS 'Last sign of life of the producer; null when none is reading';

CREATE TABLE workers (
  name text PRIMARY KEY,
  host text NOT NULL,
  pid integer NOT NULL,
  started_at timestamptz NOT NULL,
  heartbeat_at timestamptz NOT NULL DEFAULT now(),
  chunks integer NOT NULL CHECK (chunks >= 0),
  problem_run text,
  problem text
);

COMMENT ON TABLE workers IS 'Workers that are alive, or died less than a minute ago; each writes its row every 5 s';
COMMENT ON COLUMN workers.name IS 'As in chunks.worker: host/pid';
COMMENT ON COLUMN workers.chunks IS 'Chunks in work';
COMMENT ON COLUMN workers.problem_run IS 'A run that this worker cannot work on';
COMMENT ON COLUMN workers.problem IS 'Why: it lacks the checkpoint, for one';

-- A retried chunk is queued again with the rows that are to be tried again; its counters and row errors stay until
-- their results replace them.
ALTER TABLE chunks ADD COLUMN retrying integer NOT NULL DEFAULT 0;
ALTER TABLE chunks ADD CONSTRAINT chunks_retrying_are_errors CHECK (
  retrying BETWEEN 0 AND row_errors
  AND (
    retrying = 0
    OR (
      state <> 'done'
      AND rows_clean + rows_detoxified + rows_still_toxic + rows_unchanged + rows_rejected + row_errors = row_count
    )
  )
);

COMMENT ON COLUMN chunks.retrying IS 'Row errors that are being tried again: the payload holds just these rows';
COMMENT ON COLUMN chunks.payload IS 'The rows still to be worked on, deflated JSON; dropped when the chunk is done';
COMMENT ON COLUMN chunks.claimed_at IS 'Newest claim, those of retries left out';

ALTER TABLE row_errors ADD COLUMN source jsonb;

COMMENT ON COLUMN row_errors.source IS 'The row (rowNo, rowKey, text, meta), kept so that it can be retried; null when it could not be read';

CREATE OR REPLACE VIEW run_progress AS
SELECT
  runs.id AS run_id,
  runs.name,
  runs.state,
  runs.rows_total,
  ledger.rows_enqueued,
  ledger.rows_done,
  ledger.row_errors,
  ledger.chunks_queued,
  ledger.chunks_active,
  ledger.chunks_done,
  ledger.clean,
  ledger.detoxified,
  ledger.still_toxic,
  ledger.unchanged,
  ledger.rejected,
  runs.created_at,
  runs.finished_at
FROM runs
CROSS JOIN LATERAL (
  SELECT
    coalesce(sum(chunks.row_count), 0)::bigint AS rows_enqueued,
    coalesce(sum(
      chunks.rows_clean + chunks.rows_detoxified + chunks.rows_still_toxic + chunks.rows_unchanged
        + chunks.rows_rejected + chunks.row_errors - chunks.retrying
    ), 0)::bigint AS rows_done,
    coalesce(sum(chunks.row_errors), 0)::bigint AS row_errors,
    count(*) FILTER (WHERE chunks.state = 'queued') AS chunks_queued,
    count(*) FILTER (WHERE chunks.state = 'active') AS chunks_active,
    count(*) FILTER (WHERE chunks.state = 'done') AS chunks_done,
    coalesce(sum(chunks.rows_clean), 0)::bigint AS clean,
    coalesce(sum(chunks.rows_detoxified), 0)::bigint AS detoxified,
    coalesce(sum(chunks.rows_still_toxic), 0)::bigint AS still_toxic,
    coalesce(sum(chunks.rows_unchanged), 0)::bigint AS unchanged,
    coalesce(sum(chunks.rows_rejected), 0)::bigint AS rejected
  FROM chunks
  WHERE chunks.run_id = runs.id
) AS ledger;

COMMENT ON COLUMN run_progress.rows_done IS 'Rows with a result or a row error, those that are being retried left out';

-- Runs with the rights of the tables' owner, so that a producer needs no more than to be allowed to call it.
-- Attaching takes a weaker lock on results than creating the partition in place would: results of other runs are read
-- and written meanwhile.
CREATE FUNCTION create_results_partition(run text) RETURNS void
LANGUAGE plpgsql SECURITY DEFINER
AS $function$
BEGIN
  IF run !~ '^r[a-z0-9]{7}$' OR NOT EXISTS (SELECT FROM runs WHERE id = run) THEN
    RAISE EXCEPTION 'there is no run %', run USING ERRCODE = 'invalid_parameter_value';
  END IF;
  EXECUTE format('CREATE TABLE %I (LIKE results INCLUDING ALL)', 'results_' || run);
  EXECUTE format('ALTER TABLE results ATTACH PARTITION %I FOR VALUES IN (%L)', 'results_' || run, run);
END
$function$;

-- Nobody's search path may decide which tables it means.
DO $do$
BEGIN
  EXECUTE format('ALTER FUNCTION create_results_partition(text) SET search_path = %I, pg_temp', current_schema());
END
$do$;
REVOKE ALL ON FUNCTION create_results_partition(text) FROM PUBLIC;

COMMENT ON FUNCTION create_results_partition(text) IS 'Makes the partition of results for a run that is in runs';
