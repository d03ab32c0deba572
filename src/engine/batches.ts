/**
 * Padded lengths are multiples of this. The length that a row is computed at depends on the row alone, never on its
 * batch, because sums over padded positions are grouped by vector lanes: see docs/engine.md, "Batch independence".
 */
const LENGTH_STEP = 4;

export interface EncodedRow {
  /** Index of the row in the caller's list. */
  readonly index: number;
  readonly tokens: readonly number[];
}

/** Rows of one padded length. */
export interface Batch {
  readonly length: number;
  readonly rows: readonly EncodedRow[];
}

/**
 * @param tokens of the row; none is padding alone, as a prompt of one token has it
 * @param window longest input of the model
 */
export function paddedLength(tokens: number, window: number): number {
  return Math.min(window, Math.max(1, Math.ceil(tokens / LENGTH_STEP)) * LENGTH_STEP);
}

/** Groups rows of equal padded length into batches of at most `maxPaddedTokens` (but at least one row), in order of length. */
export function batchByLength(rows: readonly EncodedRow[], window: number, maxPaddedTokens: number): Batch[] {
  const byLength = new Map<number, EncodedRow[]>();
  for (const row of rows) {
    const length = paddedLength(row.tokens.length, window);
    const group = byLength.get(length);
    if (group) group.push(row);
    else byLength.set(length, [row]);
  }
  const batches: Batch[] = [];
  for (const [length, group] of [...byLength].sort(([a], [b]) => a - b)) {
    const size = Math.max(1, Math.floor(maxPaddedTokens / length));
    for (let i = 0; i < group.length; i += size) batches.push({ length, rows: group.slice(i, i + size) });
  }
  return batches;
}

/** Token ids of a batch and the mask of its padding, as the graphs take them. */
export function batchInputs({ length, rows }: Batch, padToken: number) {
  const tokens = new BigInt64Array(rows.length * length).fill(BigInt(padToken));
  const mask = new Int32Array(rows.length * length);
  rows.forEach((row, r) => {
    row.tokens.forEach((token, i) => {
      tokens[r * length + i] = BigInt(token);
      mask[r * length + i] = 1;
    });
  });
  const dims = [rows.length, length];
  return { tokens: { type: 'int64', data: tokens, dims }, mask: { type: 'int32', data: mask, dims } } as const;
}

/**
 * Padded tokens in one run: as many as keep the activations in the L2 cache. 256 is best for 768 features (126 rows/s
 * against 119 at 512 and 97 at 2048); small models take more, since a run has a fixed price.
 */
export function paddedTokensFor(size: number): number {
  return Math.max(256, Math.round((256 * 768) / size));
}
