import type { Device } from '../../contract/device.ts';
import type { Value } from './session.ts';

export interface EncodedRow {
  /** Index of the row in the caller's list. */
  readonly index: number;
  readonly tokens: readonly number[];
}

/** Rows that a model computes in one call. */
export interface Batch {
  /** Tokens of a row, padding included. */
  readonly length: number;
  readonly rows: readonly EncodedRow[];
}

/** A batch as input of a graph. */
export interface InputBatch {
  readonly rows: readonly EncodedRow[];
  readonly inputs: Readonly<Record<string, Value>>;
}

/** Puts rows of equal length into batches of at most `maxTokens` tokens (but at least one row), in order of length. */
export function batchByLength(rows: readonly EncodedRow[], maxTokens: number): Batch[] {
  const byLength = new Map<number, EncodedRow[]>();
  for (const row of rows) {
    const equal = byLength.get(row.tokens.length);
    if (equal) equal.push(row);
    else byLength.set(row.tokens.length, [row]);
  }
  const batches: Batch[] = [];
  for (const [length, equal] of [...byLength].sort(([a], [b]) => a - b)) {
    const size = Math.max(1, Math.floor(maxTokens / Math.max(1, length)));
    for (let i = 0; i < equal.length; i += size) batches.push({ length, rows: equal.slice(i, i + size) });
  }
  return batches;
}

/** Token ids of a batch of rows of one length, as the graphs take them. */
export function batchInputs({ length, rows }: Batch) {
  const tokens = new BigInt64Array(rows.length * length);
  rows.forEach((row, r) => {
    row.tokens.forEach((token, i) => {
      tokens[r * length + i] = BigInt(token);
    });
  });
  return { tokens: { type: 'int64', data: tokens, dims: [rows.length, length] } } as const;
}

/**
 * Tokens of a batch: as many as keep the activations in the L2 cache. 256 is best for 768 features (126 rows/s against 119 at
 * 512 and 97 at 2048). Small models take more, because a call has a fixed cost.
 */
export function tokensPerBatch(size: number): number {
  return Math.max(256, Math.round((256 * 768) / size));
}

interface BatchSizes {
  /** Features of a hidden value. */
  readonly size: number;
  readonly padToken: number;
  /** Longest input of the model, in tokens. */
  readonly window: number;
  /** Tokens of a batch, padding included (default: by device). */
  readonly maxBatchTokens?: number | undefined;
}

/*
 * Sizes for devices other than the CPU. They are the usual ones and were not measured here; bench/gpu.ts takes others for a
 * comparison.
 */

/** Tokens of a batch: thousands of cores have work; 16,384 hidden values of 768 features are 50 MB in fp32. */
const DEVICE_TOKENS = 16_384;
/** Rows of a batch: bounds the keys and values of a search, 18 KB per token and row for bart-base in fp16. */
const DEVICE_ROWS = 256;
/** Lengths are multiples of this, because matrix units prefer them. */
const DEVICE_LENGTH_STEP = 8;

/**
 * Puts rows into batches. On the CPU, all rows of a batch have the same length, so that the bits of a row depend on the row
 * alone. A device sums in another order for every shape anyway, and its calls have a high fixed cost. So its batches are
 * full, hold rows of about the same length, and are padded at their ends.
 */
export function createBatcher(
  { device, portable }: { readonly device: Device; readonly portable: boolean },
  { size, padToken, window, maxBatchTokens }: BatchSizes,
): (rows: readonly EncodedRow[]) => InputBatch[] {
  const maxTokens = maxBatchTokens ?? (device.kind === 'cpu' ? tokensPerBatch(size) : DEVICE_TOKENS);
  if (!portable) {
    return (rows) => batchByLength(rows, maxTokens).map((batch) => ({ rows: batch.rows, inputs: batchInputs(batch) }));
  }
  return (rows) => {
    const sorted = [...rows].sort((a, b) => b.tokens.length - a.tokens.length);
    const batches: InputBatch[] = [];
    for (let i = 0; i < sorted.length; ) {
      const steps = Math.max(1, Math.ceil((sorted[i]?.tokens.length ?? 0) / DEVICE_LENGTH_STEP));
      const length = Math.min(window, steps * DEVICE_LENGTH_STEP);
      const count = Math.max(1, Math.min(DEVICE_ROWS, Math.floor(maxTokens / length)));
      const batch = { length, rows: sorted.slice(i, i + count) };
      batches.push({ rows: batch.rows, inputs: paddedInputs(batch, padToken) });
      i += count;
    }
    return batches;
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
