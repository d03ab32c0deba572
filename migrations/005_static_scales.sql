-- Models also run with static scales: settings of a run have them, and what they move.

ALTER TABLE models DROP CONSTRAINT models_precision_check;
ALTER TABLE models ADD CONSTRAINT models_precision_check CHECK (precision IN ('fp32', 'fp16', 'int8', 'int8-static'));
