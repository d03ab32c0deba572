-- The tables after all migrations, for reading; a test keeps it equal to them.
-- They are in the schema detoxq unless docs/operations.md says otherwise.

CREATE TABLE chunks (
  run_id text NOT NULL,
  chunk_no integer NOT NULL,
  first_row bigint NOT NULL,
  row_count integer NOT NULL,
  state text DEFAULT 'queued'::text NOT NULL,
  claims integer DEFAULT 0 NOT NULL,
  attempts integer DEFAULT 0 NOT NULL,
  worker text,
  enqueued_at timestamp with time zone DEFAULT now() NOT NULL,
  claimed_at timestamp with time zone,
  done_at timestamp with time zone,
  payload bytea,
  rows_clean integer DEFAULT 0 NOT NULL,
  rows_detoxified integer DEFAULT 0 NOT NULL,
  rows_still_toxic integer DEFAULT 0 NOT NULL,
  rows_unchanged integer DEFAULT 0 NOT NULL,
  rows_rejected integer DEFAULT 0 NOT NULL,
  row_errors integer DEFAULT 0 NOT NULL,
  toxicity_before_sum double precision DEFAULT 0 NOT NULL,
  toxicity_after_sum double precision DEFAULT 0 NOT NULL,
  tokens_in bigint DEFAULT 0 NOT NULL,
  tokens_out bigint DEFAULT 0 NOT NULL,
  timings jsonb,
  retrying integer DEFAULT 0 NOT NULL,
  checked_claim integer DEFAULT 0 NOT NULL,
  payload_digest bytea,
  unpacked_bytes integer,
  decoding integer DEFAULT 0 NOT NULL,
  faults integer DEFAULT 0 NOT NULL,
  last_fault text,
  last_fault_at timestamp with time zone,
  CONSTRAINT chunks_pkey PRIMARY KEY (run_id, chunk_no),
  CONSTRAINT chunks_attempts_check CHECK ((attempts >= 0)),
  CONSTRAINT chunks_chunk_no_check CHECK ((chunk_no >= 0)),
  CONSTRAINT chunks_decoding_check CHECK ((decoding >= 0)),
  CONSTRAINT chunks_done_counts_every_row CHECK (((state <> 'done'::text) OR ((((((rows_clean + rows_detoxified) + rows_still_toxic) + rows_unchanged) + rows_rejected) + row_errors) = row_count))),
  CONSTRAINT chunks_faults_check CHECK ((faults >= 0)),
  CONSTRAINT chunks_first_row_check CHECK ((first_row >= 0)),
  CONSTRAINT chunks_payload_digest_check CHECK ((octet_length(payload_digest) = 32)),
  CONSTRAINT chunks_payload_until_done CHECK (((state = 'done'::text) = (payload IS NULL))),
  CONSTRAINT chunks_retrying_are_errors CHECK ((((retrying >= 0) AND (retrying <= row_errors)) AND ((retrying = 0) OR ((state <> 'done'::text) AND ((((((rows_clean + rows_detoxified) + rows_still_toxic) + rows_unchanged) + rows_rejected) + row_errors) = row_count))))),
  CONSTRAINT chunks_row_count_check CHECK ((row_count > 0)),
  CONSTRAINT chunks_run_id_fkey FOREIGN KEY (run_id) REFERENCES runs(id) ON DELETE CASCADE,
  CONSTRAINT chunks_state_check CHECK ((state = ANY (ARRAY['queued'::text, 'active'::text, 'done'::text]))),
  CONSTRAINT chunks_unpacked_bytes_check CHECK ((unpacked_bytes >= 0))
);
ALTER TABLE chunks ALTER COLUMN payload SET STORAGE EXTERNAL;
ALTER TABLE ONLY chunks ALTER COLUMN payload SET STATISTICS 0;
CREATE INDEX chunks_faults_idx ON chunks USING btree (run_id, chunk_no) WHERE ((state <> 'done'::text) AND (last_fault IS NOT NULL));
CREATE INDEX chunks_open_idx ON chunks USING btree (run_id, chunk_no) WHERE (state <> 'done'::text);
COMMENT ON TABLE chunks IS 'The ledger: consecutive rows of a run, the unit of dispatch, of claims and of writing';
COMMENT ON COLUMN chunks.chunk_no IS '0-based, without gaps within a run';
COMMENT ON COLUMN chunks.first_row IS 'row_no of its first row; the others follow without gaps';
COMMENT ON COLUMN chunks.state IS 'queued, active (a worker holds the newest claim) or done';
COMMENT ON COLUMN chunks.claims IS 'Times claimed; the number of the newest claim, and only that claim may complete the chunk';
COMMENT ON COLUMN chunks.attempts IS 'Claims that were not handed back in an orderly way: a high number means that the chunk kills its workers';
COMMENT ON COLUMN chunks.worker IS 'Who holds or held the newest claim';
COMMENT ON COLUMN chunks.claimed_at IS 'Newest claim, those of retries left out';
COMMENT ON COLUMN chunks.payload IS 'The rows still to be worked on, deflated JSON; dropped when the chunk is done';
COMMENT ON COLUMN chunks.toxicity_before_sum IS 'Over the rewritten rows (detoxified and still_toxic)';
COMMENT ON COLUMN chunks.toxicity_after_sum IS 'Over the rewritten rows (detoxified and still_toxic)';
COMMENT ON COLUMN chunks.tokens_in IS 'Tokens read by scorer and detoxifier';
COMMENT ON COLUMN chunks.tokens_out IS 'Tokens written by the detoxifier';
COMMENT ON COLUMN chunks.timings IS 'Milliseconds by stage';
COMMENT ON COLUMN chunks.retrying IS 'Row errors that are being tried again: the payload holds just these rows';
COMMENT ON COLUMN chunks.checked_claim IS 'The newest claim whose worker knows all that the run requires';
COMMENT ON COLUMN chunks.payload_digest IS 'sha256 of the payload as it was written; null in chunks of detoxq 0.1';
COMMENT ON COLUMN chunks.unpacked_bytes IS 'Bytes of the rows as JSON, not deflated; null in chunks of detoxq 0.1';
COMMENT ON COLUMN chunks.decoding IS 'Times that a worker set out to decode the payload of a suspect chunk and did not say that it could';
COMMENT ON COLUMN chunks.faults IS 'Tries that failed for a reason that does not pass by itself';
COMMENT ON COLUMN chunks.last_fault IS 'The reason of the last failed try; never holds the text of a row';
COMMENT ON COLUMN chunks.last_fault_at IS 'When that was';

CREATE TABLE detoxq_migrations (
  version integer NOT NULL,
  name text NOT NULL,
  sha256 text NOT NULL,
  applied_at timestamp with time zone DEFAULT now() NOT NULL,
  CONSTRAINT detoxq_migrations_pkey PRIMARY KEY (version)
);

CREATE TABLE models (
  id integer GENERATED ALWAYS AS IDENTITY NOT NULL,
  name text NOT NULL,
  architecture text NOT NULL,
  digest text NOT NULL,
  precision text NOT NULL,
  created_at timestamp with time zone DEFAULT now() NOT NULL,
  CONSTRAINT models_pkey PRIMARY KEY (id),
  CONSTRAINT models_digest_check CHECK ((digest ~ '^[0-9a-f]{64}$'::text)),
  CONSTRAINT models_identity UNIQUE (digest, "precision", name, architecture),
  CONSTRAINT models_precision_check CHECK (("precision" = ANY (ARRAY['fp32'::text, 'fp16'::text, 'int8'::text, 'int8-static'::text])))
);
COMMENT ON TABLE models IS 'Models that ran, told apart by their weights';
COMMENT ON COLUMN models.name IS 'As the user named it: alias, hub id or folder name';
COMMENT ON COLUMN models.digest IS 'sha256 over config, tokenizer and weights';

CREATE TABLE queue_leftovers (
  run_id text NOT NULL,
  chunks integer NOT NULL,
  noted_at timestamp with time zone DEFAULT now() NOT NULL,
  CONSTRAINT queue_leftovers_pkey PRIMARY KEY (run_id),
  CONSTRAINT queue_leftovers_chunks_check CHECK ((chunks >= 0))
);
COMMENT ON TABLE queue_leftovers IS 'Runs that were cancelled or deleted, whose jobs a queue may still hold; whoever has the queue next removes them';
COMMENT ON COLUMN queue_leftovers.chunks IS 'The run had chunks with lower numbers than this';

CREATE TABLE results (
  run_id text NOT NULL,
  row_no bigint NOT NULL,
  row_key text,
  outcome text NOT NULL,
  text text NOT NULL,
  detoxified text,
  toxicity_before real,
  toxicity_after real,
  similarity real,
  scorer_id integer NOT NULL,
  detoxifier_id integer,
  tokens_in integer NOT NULL,
  tokens_out integer NOT NULL,
  meta jsonb,
  CONSTRAINT results_pkey PRIMARY KEY (run_id, row_no),
  CONSTRAINT results_outcome_check CHECK ((outcome = ANY (ARRAY['clean'::text, 'detoxified'::text, 'still_toxic'::text, 'unchanged'::text, 'rejected'::text]))),
  CONSTRAINT results_rewrite_where_rewritten CHECK (((outcome = ANY (ARRAY['detoxified'::text, 'still_toxic'::text])) = (detoxified IS NOT NULL))),
  CONSTRAINT results_row_no_check CHECK ((row_no >= 0)),
  CONSTRAINT results_similarity_check CHECK (((similarity >= (0)::double precision) AND (similarity <= (1)::double precision))),
  CONSTRAINT results_toxicity_after_check CHECK (((toxicity_after >= (0)::double precision) AND (toxicity_after <= (1)::double precision))),
  CONSTRAINT results_toxicity_before_check CHECK (((toxicity_before >= (0)::double precision) AND (toxicity_before <= (1)::double precision)))
) PARTITION BY LIST (run_id);
ALTER TABLE ONLY results ALTER COLUMN row_key SET STATISTICS 0;
ALTER TABLE ONLY results ALTER COLUMN text SET STATISTICS 0;
ALTER TABLE ONLY results ALTER COLUMN detoxified SET STATISTICS 0;
ALTER TABLE ONLY results ALTER COLUMN meta SET STATISTICS 0;
COMMENT ON TABLE results IS 'What became of each row; one partition a run (results_<run id>). No foreign keys: they would cost a look-up a row, and a partition exists only for a run';
COMMENT ON COLUMN results.row_no IS '0-based position in the source; with several files it runs on from file to file';
COMMENT ON COLUMN results.row_key IS 'The user''s own id of the row (--id-column)';
COMMENT ON COLUMN results.outcome IS 'clean: not toxic, left as it was; detoxified: was toxic, the rewrite is not; still_toxic: rewritten, and still toxic; unchanged: toxic, given back as it was; rejected: the rewrite failed a guard. Rows that failed are in row_errors';
COMMENT ON COLUMN results.text IS 'The text as it came';
COMMENT ON COLUMN results.detoxified IS 'The rewritten text; null unless the outcome is detoxified or still_toxic';
COMMENT ON COLUMN results.toxicity_before IS 'Probability of the toxic label, 0 to 1; null for blank text';
COMMENT ON COLUMN results.toxicity_after IS 'The same for the rewrite';
COMMENT ON COLUMN results.similarity IS 'Of rewrite and source, 0 to 1; the metric is in the run''s settings';
COMMENT ON COLUMN results.scorer_id IS 'models.id of the scorer';
COMMENT ON COLUMN results.detoxifier_id IS 'models.id of the detoxifier; null for clean rows, which it never saw';
COMMENT ON COLUMN results.tokens_in IS 'Tokens read by scorer and detoxifier';
COMMENT ON COLUMN results.tokens_out IS 'Tokens written by the detoxifier';
COMMENT ON COLUMN results.meta IS 'Other columns of the dataset; notes about repairs under the key detoxq';

CREATE TABLE row_errors (
  run_id text NOT NULL,
  row_no bigint NOT NULL,
  row_key text,
  stage text NOT NULL,
  code text NOT NULL,
  message text NOT NULL,
  attempts integer NOT NULL,
  created_at timestamp with time zone DEFAULT now() NOT NULL,
  source jsonb,
  CONSTRAINT row_errors_pkey PRIMARY KEY (run_id, row_no),
  CONSTRAINT row_errors_attempts_check CHECK ((attempts >= 0)),
  CONSTRAINT row_errors_row_no_check CHECK ((row_no >= 0)),
  CONSTRAINT row_errors_run_id_fkey FOREIGN KEY (run_id) REFERENCES runs(id) ON DELETE CASCADE,
  CONSTRAINT row_errors_stage_check CHECK ((stage = ANY (ARRAY['read'::text, 'score'::text, 'rewrite'::text, 'engine'::text, 'write'::text])))
);
ALTER TABLE ONLY row_errors ALTER COLUMN row_key SET STATISTICS 0;
ALTER TABLE ONLY row_errors ALTER COLUMN source SET STATISTICS 0;
COMMENT ON TABLE row_errors IS 'Rows without a result, and why; a row is here or in results, never in both';
COMMENT ON COLUMN row_errors.stage IS 'Where it went wrong: read, score, rewrite, engine or write';
COMMENT ON COLUMN row_errors.code IS 'Short and stable: not_utf8, too_large, engine_crashed, ...';
COMMENT ON COLUMN row_errors.message IS 'For people; never holds the text of the row';
COMMENT ON COLUMN row_errors.attempts IS 'How often the row was tried';
COMMENT ON COLUMN row_errors.source IS 'The row (rowNo, rowKey, text, meta), kept so that it can be retried; null when it could not be read';

CREATE TABLE runs (
  id text NOT NULL,
  name text,
  state text DEFAULT 'enqueueing'::text NOT NULL,
  source jsonb NOT NULL,
  settings jsonb NOT NULL,
  settings_hash text NOT NULL,
  rows_total bigint,
  chunks_total integer,
  created_at timestamp with time zone DEFAULT now() NOT NULL,
  finished_at timestamp with time zone,
  reconciled_at timestamp with time zone,
  producer text,
  producer_seen_at timestamp with time zone,
  requires text[] DEFAULT '{}'::text[] NOT NULL,
  CONSTRAINT runs_pkey PRIMARY KEY (id),
  CONSTRAINT runs_chunks_total_check CHECK ((chunks_total >= 0)),
  CONSTRAINT runs_done_is_finished CHECK (((state <> 'done'::text) OR ((rows_total IS NOT NULL) AND (finished_at IS NOT NULL)))),
  CONSTRAINT runs_id_check CHECK ((id ~ '^r[a-z0-9]{7}$'::text)),
  CONSTRAINT runs_rows_total_check CHECK ((rows_total >= 0)),
  CONSTRAINT runs_settings_hash_check CHECK ((settings_hash ~ '^[0-9a-f]{64}$'::text)),
  CONSTRAINT runs_state_check CHECK ((state = ANY (ARRAY['enqueueing'::text, 'running'::text, 'paused'::text, 'done'::text, 'cancelled'::text]))),
  CONSTRAINT runs_totals_together CHECK (((rows_total IS NULL) = (chunks_total IS NULL)))
);
CREATE INDEX runs_created_at_idx ON runs USING btree (created_at);
COMMENT ON TABLE runs IS 'One pass over one dataset under frozen settings';
COMMENT ON COLUMN runs.id IS 'Short printable id, as every command takes it';
COMMENT ON COLUMN runs.state IS 'enqueueing: the source is being read; running: every chunk is in the ledger; done: every chunk is done; paused, cancelled: by the user';
COMMENT ON COLUMN runs.source IS 'Files (path, size, time) and the options of the reader';
COMMENT ON COLUMN runs.settings IS 'Everything that decides a row''s result: models with digests, threshold, generation, similarity metric';
COMMENT ON COLUMN runs.settings_hash IS 'sha256 of the settings: runs with equal hashes are comparable';
COMMENT ON COLUMN runs.rows_total IS 'Rows of the source; null until it was read to its end';
COMMENT ON COLUMN runs.chunks_total IS 'Chunks of the source; null until it was read to its end';
COMMENT ON COLUMN runs.reconciled_at IS 'When ledger and queue were last compared';
COMMENT ON COLUMN runs.producer IS 'Who reads the source, or read it last: host/pid';
COMMENT ON COLUMN runs.producer_seen_at IS 'Last sign of life of the producer; null when none is reading';
COMMENT ON COLUMN runs.requires IS 'Features that a worker must know to work on this run; others leave it alone';

CREATE TABLE suspect_slices (
  run_id text NOT NULL,
  chunk_no integer NOT NULL,
  first_row bigint NOT NULL,
  row_count integer NOT NULL,
  intents integer DEFAULT 1 NOT NULL,
  verdicts bytea,
  CONSTRAINT suspect_slices_pkey PRIMARY KEY (run_id, chunk_no, first_row, row_count),
  CONSTRAINT suspect_slices_intents_check CHECK ((intents >= 0)),
  CONSTRAINT suspect_slices_row_count_check CHECK ((row_count > 0)),
  CONSTRAINT suspect_slices_run_id_chunk_no_fkey FOREIGN KEY (run_id, chunk_no) REFERENCES chunks(run_id, chunk_no) ON DELETE CASCADE
);
ALTER TABLE ONLY suspect_slices ALTER COLUMN verdicts SET STATISTICS 0;
COMMENT ON TABLE suspect_slices IS 'Rows of chunks that killed their workers, written before they are tried; gone when the chunk is done';
COMMENT ON COLUMN suspect_slices.first_row IS 'row_no of the first row of the slice';
COMMENT ON COLUMN suspect_slices.intents IS 'Times that a worker set out to try it and did not say that it survived';
COMMENT ON COLUMN suspect_slices.verdicts IS 'What came of the rows, deflated JSON; null until a worker survived them';

CREATE TABLE workers (
  name text NOT NULL,
  host text NOT NULL,
  pid integer NOT NULL,
  started_at timestamp with time zone NOT NULL,
  heartbeat_at timestamp with time zone DEFAULT now() NOT NULL,
  chunks integer NOT NULL,
  problem_run text,
  problem text,
  knows text[] DEFAULT '{}'::text[] NOT NULL,
  version text,
  CONSTRAINT workers_pkey PRIMARY KEY (name),
  CONSTRAINT workers_chunks_check CHECK ((chunks >= 0))
);
COMMENT ON TABLE workers IS 'Workers that are alive, or died less than a minute ago; each writes its row every 5 s';
COMMENT ON COLUMN workers.name IS 'As in chunks.worker: host/pid';
COMMENT ON COLUMN workers.chunks IS 'Chunks in work';
COMMENT ON COLUMN workers.problem_run IS 'A run that this worker cannot work on; null with a problem: it works on none';
COMMENT ON COLUMN workers.problem IS 'Why: it lacks the checkpoint, for one';
COMMENT ON COLUMN workers.knows IS 'Features that the worker knows; none where it began before this column was there';
COMMENT ON COLUMN workers.version IS 'Version of detoxq that the worker runs';

CREATE VIEW detox_pairs AS
 SELECT text AS reference,
    detoxified AS translation,
    similarity,
    ((abs((char_length(text) - char_length(detoxified))))::real / ((GREATEST(char_length(text), char_length(detoxified)) + 1))::double precision) AS length_diff,
    toxicity_before AS ref_tox,
    toxicity_after AS trn_tox,
    run_id,
    row_no
   FROM results
  WHERE (detoxified IS NOT NULL);
COMMENT ON VIEW detox_pairs IS 'Rewritten rows with the columns of the ParaNMT-detox corpus';
COMMENT ON COLUMN detox_pairs.length_diff IS 'Difference of the lengths in characters over the longer length plus one, as in that corpus';

CREATE VIEW run_progress AS
 SELECT runs.id AS run_id,
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
   FROM (runs
     CROSS JOIN LATERAL ( SELECT COALESCE(sum(chunks.row_count), (0)::bigint) AS rows_enqueued,
            COALESCE(sum(((((((chunks.rows_clean + chunks.rows_detoxified) + chunks.rows_still_toxic) + chunks.rows_unchanged) + chunks.rows_rejected) + chunks.row_errors) - chunks.retrying)), (0)::bigint) AS rows_done,
            COALESCE(sum(chunks.row_errors), (0)::bigint) AS row_errors,
            count(*) FILTER (WHERE (chunks.state = 'queued'::text)) AS chunks_queued,
            count(*) FILTER (WHERE (chunks.state = 'active'::text)) AS chunks_active,
            count(*) FILTER (WHERE (chunks.state = 'done'::text)) AS chunks_done,
            COALESCE(sum(chunks.rows_clean), (0)::bigint) AS clean,
            COALESCE(sum(chunks.rows_detoxified), (0)::bigint) AS detoxified,
            COALESCE(sum(chunks.rows_still_toxic), (0)::bigint) AS still_toxic,
            COALESCE(sum(chunks.rows_unchanged), (0)::bigint) AS unchanged,
            COALESCE(sum(chunks.rows_rejected), (0)::bigint) AS rejected
           FROM chunks
          WHERE (chunks.run_id = runs.id)) ledger);
COMMENT ON VIEW run_progress IS 'How far each run is, counted in the ledger, so that it is cheap at any size';
COMMENT ON COLUMN run_progress.rows_done IS 'Rows with a result or a row error, those that are being retried left out';

CREATE OR REPLACE FUNCTION create_results_partition(run text)
 RETURNS void
 LANGUAGE plpgsql
 SECURITY DEFINER
 SET search_path TO 'detoxq', 'pg_temp'
AS $function$
BEGIN
  IF run !~ '^r[a-z0-9]{7}$' OR NOT EXISTS (SELECT FROM runs WHERE id = run) THEN
    RAISE EXCEPTION 'there is no run %', run USING ERRCODE = 'invalid_parameter_value';
  END IF;
  EXECUTE format('CREATE TABLE %I (LIKE results INCLUDING ALL)', 'results_' || run);
  EXECUTE format('ALTER TABLE results ATTACH PARTITION %I FOR VALUES IN (%L)', 'results_' || run, run);
END
$function$
;
COMMENT ON FUNCTION create_results_partition(text) IS 'Makes the partition of results for a run that is in runs';

CREATE OR REPLACE FUNCTION refuse_unchecked_claim()
 RETURNS trigger
 LANGUAGE plpgsql
 SET search_path TO 'detoxq', 'pg_temp'
AS $function$
BEGIN
  IF EXISTS (SELECT FROM runs WHERE id = NEW.run_id AND requires <> '{}') THEN
    RAISE EXCEPTION 'run % needs a newer detoxq than this worker: upgrade it', NEW.run_id USING ERRCODE = '57PDQ';
  END IF;
  RETURN NEW;
END
$function$
;

CREATE TRIGGER chunks_unchecked_claim BEFORE UPDATE OF claims ON chunks FOR EACH ROW WHEN (((new.claims > old.claims) AND (new.checked_claim <> new.claims))) EXECUTE FUNCTION refuse_unchecked_claim();
