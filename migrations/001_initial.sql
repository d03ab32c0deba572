-- Runs, their ledger of chunks, what became of every row, and the models that did it.

CREATE TABLE runs (
  id text PRIMARY KEY CHECK (id ~ '^r[a-z0-9]{7}$'),
  name text,
  state text NOT NULL DEFAULT 'enqueueing'
    CHECK (state IN ('enqueueing', 'running', 'paused', 'done', 'cancelled')),
  source jsonb NOT NULL,
  settings jsonb NOT NULL,
  settings_hash text NOT NULL CHECK (settings_hash ~ '^[0-9a-f]{64}$'),
  rows_total bigint CHECK (rows_total >= 0),
  chunks_total integer CHECK (chunks_total >= 0),
  created_at timestamptz NOT NULL DEFAULT now(),
  finished_at timestamptz,
  reconciled_at timestamptz,
  CONSTRAINT runs_totals_together CHECK ((rows_total IS NULL) = (chunks_total IS NULL)),
  CONSTRAINT runs_done_is_finished CHECK (state <> 'done' OR (rows_total IS NOT NULL AND finished_at IS NOT NULL))
);
CREATE INDEX runs_created_at_idx ON runs (created_at);

COMMENT ON TABLE runs IS 'One pass over one dataset under frozen settings';
COMMENT ON COLUMN runs.id IS 'Short printable id, as every command takes it';
COMMENT ON COLUMN runs.state IS 'enqueueing: the source is being read; running: every chunk is in the ledger; done: every chunk is done; paused, cancelled: by the user';
COMMENT ON COLUMN runs.source IS 'Files (path, size, time) and the options of the reader';
COMMENT ON COLUMN runs.settings IS 'Everything that decides a row''s result: models with digests, threshold, generation, similarity metric';
COMMENT ON COLUMN runs.settings_hash IS 'sha256 of the settings: runs with equal hashes are comparable';
COMMENT ON COLUMN runs.rows_total IS 'Rows of the source; null until it was read to its end';
COMMENT ON COLUMN runs.chunks_total IS 'Chunks of the source; null until it was read to its end';
COMMENT ON COLUMN runs.reconciled_at IS 'When ledger and queue were last compared';

CREATE TABLE chunks (
  run_id text NOT NULL REFERENCES runs (id) ON DELETE CASCADE,
  chunk_no integer NOT NULL CHECK (chunk_no >= 0),
  first_row bigint NOT NULL CHECK (first_row >= 0),
  row_count integer NOT NULL CHECK (row_count > 0),
  state text NOT NULL DEFAULT 'queued' CHECK (state IN ('queued', 'active', 'done')),
  claims integer NOT NULL DEFAULT 0,
  attempts integer NOT NULL DEFAULT 0 CHECK (attempts >= 0),
  worker text,
  enqueued_at timestamptz NOT NULL DEFAULT now(),
  claimed_at timestamptz,
  done_at timestamptz,
  payload bytea,
  rows_clean integer NOT NULL DEFAULT 0,
  rows_detoxified integer NOT NULL DEFAULT 0,
  rows_still_toxic integer NOT NULL DEFAULT 0,
  rows_unchanged integer NOT NULL DEFAULT 0,
  rows_rejected integer NOT NULL DEFAULT 0,
  row_errors integer NOT NULL DEFAULT 0,
  toxicity_before_sum double precision NOT NULL DEFAULT 0,
  toxicity_after_sum double precision NOT NULL DEFAULT 0,
  tokens_in bigint NOT NULL DEFAULT 0,
  tokens_out bigint NOT NULL DEFAULT 0,
  timings jsonb,
  PRIMARY KEY (run_id, chunk_no),
  CONSTRAINT chunks_payload_until_done CHECK ((state = 'done') = (payload IS NULL)),
  CONSTRAINT chunks_done_counts_every_row CHECK (
    state <> 'done'
    OR rows_clean + rows_detoxified + rows_still_toxic + rows_unchanged + rows_rejected + row_errors = row_count
  )
);
-- The payload is deflated already: another compression would only cost time.
ALTER TABLE chunks ALTER COLUMN payload SET STORAGE EXTERNAL;
-- What is left of a run, however much of it is done.
CREATE INDEX chunks_open_idx ON chunks (run_id, chunk_no) WHERE state <> 'done';

COMMENT ON TABLE chunks IS 'The ledger: consecutive rows of a run, the unit of dispatch, of claims and of writing';
COMMENT ON COLUMN chunks.chunk_no IS '0-based, without gaps within a run';
COMMENT ON COLUMN chunks.first_row IS 'row_no of its first row; the others follow without gaps';
COMMENT ON COLUMN chunks.state IS 'queued, active (a worker holds the newest claim) or done';
COMMENT ON COLUMN chunks.claims IS 'Times claimed; the number of the newest claim, and only that claim may complete the chunk';
COMMENT ON COLUMN chunks.attempts IS 'Claims that were not handed back in an orderly way: a high number means that the chunk kills its workers';
COMMENT ON COLUMN chunks.worker IS 'Who holds or held the newest claim';
COMMENT ON COLUMN chunks.payload IS 'The rows, deflated JSON; dropped when the chunk is done';
COMMENT ON COLUMN chunks.toxicity_before_sum IS 'Over the rewritten rows (detoxified and still_toxic)';
COMMENT ON COLUMN chunks.toxicity_after_sum IS 'Over the rewritten rows (detoxified and still_toxic)';
COMMENT ON COLUMN chunks.tokens_in IS 'Tokens read by scorer and detoxifier';
COMMENT ON COLUMN chunks.tokens_out IS 'Tokens written by the detoxifier';
COMMENT ON COLUMN chunks.timings IS 'Milliseconds by stage';

CREATE TABLE models (
  id integer GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
  name text NOT NULL,
  architecture text NOT NULL,
  digest text NOT NULL CHECK (digest ~ '^[0-9a-f]{64}$'),
  precision text NOT NULL CHECK (precision IN ('fp32', 'int8')),
  created_at timestamptz NOT NULL DEFAULT now(),
  CONSTRAINT models_identity UNIQUE (digest, precision, name, architecture)
);

COMMENT ON TABLE models IS 'Models that ran, told apart by their weights';
COMMENT ON COLUMN models.name IS 'As the user named it: alias, hub id or folder name';
COMMENT ON COLUMN models.digest IS 'sha256 over config, tokenizer and weights';

CREATE TABLE results (
  run_id text NOT NULL,
  row_no bigint NOT NULL CHECK (row_no >= 0),
  row_key text,
  outcome text NOT NULL CHECK (outcome IN ('clean', 'detoxified', 'still_toxic', 'unchanged', 'rejected')),
  text text NOT NULL,
  detoxified text,
  toxicity_before real CHECK (toxicity_before BETWEEN 0 AND 1),
  toxicity_after real CHECK (toxicity_after BETWEEN 0 AND 1),
  similarity real CHECK (similarity BETWEEN 0 AND 1),
  scorer_id integer NOT NULL,
  detoxifier_id integer,
  tokens_in integer NOT NULL,
  tokens_out integer NOT NULL,
  meta jsonb,
  PRIMARY KEY (run_id, row_no),
  CONSTRAINT results_rewrite_where_rewritten CHECK (
    (outcome IN ('detoxified', 'still_toxic')) = (detoxified IS NOT NULL)
  )
) PARTITION BY LIST (run_id);

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
  run_id text NOT NULL REFERENCES runs (id) ON DELETE CASCADE,
  row_no bigint NOT NULL CHECK (row_no >= 0),
  row_key text,
  stage text NOT NULL CHECK (stage IN ('read', 'score', 'rewrite', 'engine')),
  code text NOT NULL,
  message text NOT NULL,
  attempts integer NOT NULL CHECK (attempts >= 0),
  created_at timestamptz NOT NULL DEFAULT now(),
  PRIMARY KEY (run_id, row_no)
);

COMMENT ON TABLE row_errors IS 'Rows without a result, and why; a row is here or in results, never in both';
COMMENT ON COLUMN row_errors.stage IS 'Where it went wrong: read, score, rewrite or engine';
COMMENT ON COLUMN row_errors.code IS 'Short and stable: not_utf8, too_large, engine_crashed, ...';
COMMENT ON COLUMN row_errors.message IS 'For people; never holds the text of the row';
COMMENT ON COLUMN row_errors.attempts IS 'How often the row was tried';

CREATE VIEW detox_pairs AS
SELECT
  results.text AS reference,
  results.detoxified AS translation,
  results.similarity,
  abs(char_length(results.text) - char_length(results.detoxified))::real
    / (greatest(char_length(results.text), char_length(results.detoxified)) + 1) AS length_diff,
  results.toxicity_before AS ref_tox,
  results.toxicity_after AS trn_tox,
  results.run_id,
  results.row_no
FROM results
WHERE results.detoxified IS NOT NULL;

COMMENT ON VIEW detox_pairs IS 'Rewritten rows with the columns of the ParaNMT-detox corpus';
COMMENT ON COLUMN detox_pairs.length_diff IS 'Difference of the lengths in characters over the longer length plus one, as in that corpus';

CREATE VIEW run_progress AS
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
    coalesce(sum(chunks.row_count) FILTER (WHERE chunks.state = 'done'), 0)::bigint AS rows_done,
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

COMMENT ON VIEW run_progress IS 'How far each run is, counted in the ledger, so that it is cheap at any size';
COMMENT ON COLUMN run_progress.rows_done IS 'Rows of done chunks, row errors among them';
