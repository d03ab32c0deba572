-- Chunks that their workers did not survive: which rows were being tried when a worker died.

CREATE TABLE suspect_slices (
  run_id text NOT NULL,
  chunk_no integer NOT NULL,
  first_row bigint NOT NULL,
  row_count integer NOT NULL CHECK (row_count > 0),
  intents integer NOT NULL DEFAULT 1 CHECK (intents >= 0),
  verdicts bytea,
  PRIMARY KEY (run_id, chunk_no, first_row, row_count),
  FOREIGN KEY (run_id, chunk_no) REFERENCES chunks ON DELETE CASCADE
);

COMMENT ON TABLE suspect_slices IS 'Rows of chunks that killed their workers, written before they are tried; gone when the chunk is done';
COMMENT ON COLUMN suspect_slices.first_row IS 'row_no of the first row of the slice';
COMMENT ON COLUMN suspect_slices.intents IS 'Times that a worker set out to try it and did not say that it survived';
COMMENT ON COLUMN suspect_slices.verdicts IS 'What came of the rows, deflated JSON; null until a worker survived them';
