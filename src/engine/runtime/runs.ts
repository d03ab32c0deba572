import type { Device } from '../../contract/model-device.ts';
import { type Batch, batchByLength, batchInputs, type EncodedRow, tokensPerRun } from './batches.ts';
import type { Value } from './session.ts';

/** Rows that a graph computes at once, and what it is given of them. */
export interface Run {
  readonly rows: readonly EncodedRow[];
  readonly inputs: Readonly<Record<string, Value>>;
}

export interface RunSizes {
  /** Features of a hidden value. */
  readonly size: number;
  readonly padToken: number;
  /** Longest input of the model, in tokens. */
  readonly window: number;
  /** Tokens in one run, padding included (default: what suits the device). */
  readonly maxRunTokens?: number | undefined;
}

/*
 * Sizes for devices other than the CPU, usual ones and not measured here: bench/gpu.ts takes others for a comparison.
 */

/** Tokens in one run: thousands of cores have work; 16,384 hidden values of 768 features are 50 MB in fp32. */
const DEVICE_TOKENS = 16_384;
/** Rows in one run: bounds the keys and values of a search, 18 KB per token and row for bart-base in fp16. */
const DEVICE_ROWS = 256;
/** Lengths are multiples of it, as matrix units like them. */
const DEVICE_LENGTH_STEP = 8;

/**
 * How rows are put into runs. On the CPU those of a run have one length, so that a row's bits depend on nothing else. A
 * device sums in another order for every shape anyway, and a run has a high fixed price there: its runs are full, of rows of
 * about equal length with padding at their ends.
 */
export function createRuns(
  { device, portable }: { readonly device: Device; readonly portable: boolean },
  { size, padToken, window, maxRunTokens }: RunSizes,
): (rows: readonly EncodedRow[]) => Run[] {
  const maxTokens = maxRunTokens ?? (device.kind === 'cpu' ? tokensPerRun(size) : DEVICE_TOKENS);
  if (!portable) {
    return (rows) => batchByLength(rows, maxTokens).map((batch) => ({ rows: batch.rows, inputs: batchInputs(batch) }));
  }
  return (rows) => {
    const sorted = [...rows].sort((a, b) => b.tokens.length - a.tokens.length);
    const runs: Run[] = [];
    for (let i = 0; i < sorted.length; ) {
      const steps = Math.max(1, Math.ceil((sorted[i]?.tokens.length ?? 0) / DEVICE_LENGTH_STEP));
      const length = Math.min(window, steps * DEVICE_LENGTH_STEP);
      const count = Math.max(1, Math.min(DEVICE_ROWS, Math.floor(maxTokens / length)));
      const batch = { length, rows: sorted.slice(i, i + count) };
      runs.push({ rows: batch.rows, inputs: paddedInputs(batch, padToken) });
      i += count;
    }
    return runs;
  };
}

function paddedInputs({ length, rows }: Batch, padToken: number): Record<string, Value> {
  const tokens = new BigInt64Array(rows.length * length).fill(BigInt(padToken));
  const mask = new Int32Array(rows.length * length);
  rows.forEach((row, r) => {
    row.tokens.forEach((token, i) => {
      tokens[r * length + i] = BigInt(token);
      mask[r * length + i] = 1;
    });
  });
  const dims = [rows.length, length];
  return { tokens: { type: 'int64', data: tokens, dims }, mask: { type: 'int32', data: mask, dims } };
}
