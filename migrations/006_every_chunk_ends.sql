-- Which workers may take a run, what a chunk carries, why it failed, and what a queue still holds of runs that are gone.

ALTER TABLE runs ADD COLUMN requires text[] NOT NULL DEFAULT '{}';

COMMENT ON COLUMN runs.requires IS 'Features that a worker must know to work on this run; others leave it alone';

ALTER TABLE workers
  ADD COLUMN knows text[] NOT NULL DEFAULT '{}',
  ADD COLUMN version text;

COMMENT ON COLUMN workers.knows IS 'Features that the worker knows; none where it began before this column was there';
COMMENT ON COLUMN workers.version IS 'Version of detoxq that the worker runs';
COMMENT ON COLUMN workers.problem_run IS 'A run that this worker cannot work on; null with a problem: it works on none';

ALTER TABLE chunks
  ADD COLUMN checked_claim integer NOT NULL DEFAULT 0,
  ADD COLUMN payload_digest bytea CHECK (octet_length(payload_digest) = 32),
  ADD COLUMN unpacked_bytes integer CHECK (unpacked_bytes >= 0),
  ADD COLUMN decoding integer NOT NULL DEFAULT 0 CHECK (decoding >= 0),
  ADD COLUMN faults integer NOT NULL DEFAULT 0 CHECK (faults >= 0),
  ADD COLUMN last_fault text,
  ADD COLUMN last_fault_at timestamptz;

COMMENT ON COLUMN chunks.checked_claim IS 'The newest claim whose worker knows all that the run requires';
COMMENT ON COLUMN chunks.payload_digest IS 'sha256 of the payload as it was written; null in chunks of detoxq 0.1';
COMMENT ON COLUMN chunks.unpacked_bytes IS 'Bytes of the rows as JSON, not deflated; null in chunks of detoxq 0.1';
COMMENT ON COLUMN chunks.decoding IS 'Times that a worker set out to decode the payload of a suspect chunk and did not say that it could';
COMMENT ON COLUMN chunks.faults IS 'Tries that failed for a reason that does not pass by itself';
COMMENT ON COLUMN chunks.last_fault IS 'The reason of the last failed try; never holds the text of a row';
COMMENT ON COLUMN chunks.last_fault_at IS 'When that was';

-- Chunks that failed, for the list that `status` prints.
CREATE INDEX chunks_faults_idx ON chunks (run_id, chunk_no) WHERE state <> 'done' AND last_fault IS NOT NULL;

ALTER TABLE row_errors DROP CONSTRAINT row_errors_stage_check;
ALTER TABLE row_errors ADD CONSTRAINT row_errors_stage_check
  CHECK (stage IN ('read', 'score', 'rewrite', 'engine', 'write'));

COMMENT ON COLUMN row_errors.stage IS 'Where it went wrong: read, score, rewrite, engine or write';

-- A worker of detoxq 0.1 does not look at what a run requires: its claim says nothing of having done so, and is refused
-- here. To such a worker the code is that of a fault that passes, so that the job goes back to the queue, for others.
CREATE FUNCTION refuse_unchecked_claim() RETURNS trigger
LANGUAGE plpgsql
AS $function$
BEGIN
  IF EXISTS (SELECT FROM runs WHERE id = NEW.run_id AND requires <> '{}') THEN
    RAISE EXCEPTION 'run % needs a newer detoxq than this worker: upgrade it', NEW.run_id USING ERRCODE = '57PDQ';
  END IF;
  RETURN NEW;
END
$function$;

DO $do$
BEGIN
  EXECUTE format('ALTER FUNCTION refuse_unchecked_claim() SET search_path = %I, pg_temp', current_schema());
END
$do$;

CREATE TRIGGER chunks_unchecked_claim BEFORE UPDATE OF claims ON chunks
FOR EACH ROW WHEN (NEW.claims > OLD.claims AND NEW.checked_claim <> NEW.claims)
EXECUTE FUNCTION refuse_unchecked_claim();

CREATE TABLE queue_leftovers (
  run_id text PRIMARY KEY,
  chunks integer NOT NULL CHECK (chunks >= 0),
  noted_at timestamptz NOT NULL DEFAULT now()
);

COMMENT ON TABLE queue_leftovers IS 'Runs that were cancelled or deleted, whose jobs a queue may still hold; whoever has the queue next removes them';
COMMENT ON COLUMN queue_leftovers.chunks IS 'The run had chunks with lower numbers than this';

-- ANALYZE keeps samples of values below 1 kB in pg_statistic, where they outlive their rows: none of what comes from rows.
-- The type is set to what it is, because that removes samples that are there (and the kind of storage).
ALTER TABLE chunks
  ALTER COLUMN payload TYPE bytea,
  ALTER COLUMN payload SET STORAGE EXTERNAL,
  ALTER COLUMN payload SET STATISTICS 0;
ALTER TABLE row_errors
  ALTER COLUMN row_key TYPE text,
  ALTER COLUMN row_key SET STATISTICS 0,
  ALTER COLUMN source TYPE jsonb,
  ALTER COLUMN source SET STATISTICS 0;
ALTER TABLE suspect_slices
  ALTER COLUMN verdicts TYPE bytea,
  ALTER COLUMN verdicts SET STATISTICS 0;
-- The samples of a run's own partition go with it.
ALTER TABLE ONLY results
  ALTER COLUMN row_key SET STATISTICS 0,
  ALTER COLUMN text SET STATISTICS 0,
  ALTER COLUMN detoxified SET STATISTICS 0,
  ALTER COLUMN meta SET STATISTICS 0;
