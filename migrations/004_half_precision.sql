-- Models also run in half precision, on GPUs.

ALTER TABLE models DROP CONSTRAINT models_precision_check;
ALTER TABLE models ADD CONSTRAINT models_precision_check CHECK (precision IN ('fp32', 'fp16', 'int8'));
