import { type Batch, batchByLength, batchInputs, type EncodedRow, paddedLength } from './batches.ts';
import type { Generation } from './checkpoint/generation.ts';
import { MASKED } from './compile/blocks.ts';
import type { Session, Value } from './session.ts';

/** What the search needs to know of a decoder. */
export interface DecoderShape {
  readonly layers: number;
  readonly heads: number;
  readonly headSize: number;
}

export interface GreedyOptions {
  readonly encoder: Session;
  readonly decoder: Session;
  readonly shape: DecoderShape;
  readonly generation: Generation;
  /** Longest input in tokens. */
  readonly window: number;
  /** Padded tokens in one run of the encoder. */
  readonly maxPaddedTokens: number;
  /** Rows decoded together. */
  readonly maxRows: number;
}

export interface Generated {
  readonly tokens: readonly number[];
  readonly finished: boolean;
}

/** Steps in one call of the decoder: 4, 8 and 16 were equally fast. */
const STEPS_PER_CALL = 8;
/** A call of the decoder ends early when so few of its rows are left, so that ended rows can be dropped. */
const KEEP_GOING_ABOVE = 0.75;
/** Not worth a call of their own. */
const FEW_ROWS = 4;
/** Source positions of the rows decoded together: bounds the memory for keys and values (300 MB for bart-base). */
const MAX_SOURCE_POSITIONS = 8192;

/** Rows being decoded: K and V of all layers, `[rows, heads, positions, head size]`, in the order of `rows`. */
interface State {
  rows: readonly EncodedRow[];
  /** Positions of the cross-attention's K and V. */
  width: number;
  cross: Float32Array[];
  /** Steps done. */
  past: number;
  caches: Float32Array[];
}

/**
 * Greedy search over encoded rows, all results in the order of the list. Rows are sorted by length, encoded in batches
 * of equal length and decoded up to `maxRows` together; a row that has ended leaves its batch after the call.
 */
export function createGreedySearch(options: GreedyOptions): (rows: readonly EncodedRow[]) => Promise<Generated[]> {
  const { encoder, decoder, shape, generation, window, maxPaddedTokens, maxRows } = options;
  const { heads, headSize } = shape;
  const parts = Array.from({ length: shape.layers }, (_, layer) => [`key_${layer}`, `value_${layer}`]).flat();
  const ends = new Set(generation.endTokens);
  // Reused from batch to batch: fresh memory costs a page fault for every 4 KiB.
  let pool: Float32Array[] = [];

  function crossBuffers(size: number): Float32Array[] {
    if ((pool[0]?.length ?? 0) < size) pool = parts.map(() => new Float32Array(size));
    return pool;
  }

  async function encode(rows: readonly EncodedRow[]): Promise<State> {
    const batches = batchByLength(rows, window, maxPaddedTokens).reverse();
    const width = batches[0]?.length ?? 0;
    const size = heads * width * headSize;
    const cross = crossBuffers(rows.length * size);
    let done = 0;
    for (const batch of batches) {
      const outputs = await encoder.run(batchInputs(batch, generation.padToken));
      parts.forEach((part, p) => {
        const target = cross[p];
        if (target) widen(outputs.floats(`cross_${part}`), batch, target.subarray(done * size), width);
      });
      done += batch.rows.length;
    }
    const ordered = batches.flatMap((batch) => batch.rows);
    return { rows: ordered, width, cross, past: 0, caches: parts.map(() => new Float32Array(0)) };
  }

  /**
   * Copies [rows, heads, batch length, head size] into [rows, heads, width, head size], the rest zero. It is masked, but a
   * mask is a factor of about 1e-39: what an earlier batch left there would count, and for good if it were not finite.
   */
  function widen(source: Float32Array, batch: Batch, target: Float32Array, width: number): void {
    if (batch.length === width) {
      target.set(source);
      return;
    }
    const from = batch.length * headSize;
    const to = width * headSize;
    for (let i = 0; i < batch.rows.length * heads; i++) {
      target.set(source.subarray(i * from, (i + 1) * from), i * to);
      target.fill(0, i * to + from, (i + 1) * to);
    }
  }

  function feeds(state: State, results: ReadonlyMap<EncodedRow, number[]>): Record<string, Value> {
    const { rows, width, past } = state;
    const count = rows.length;
    const tokens = BigInt64Array.from(rows, (row) => BigInt(results.get(row)?.at(-1) ?? generation.startToken));
    const steps = Math.min(STEPS_PER_CALL, generation.maxNewTokens - past);
    const forced = new BigInt64Array(steps).fill(-1n);
    if (past === 0 && generation.firstToken !== null) forced[0] = BigInt(generation.firstToken);
    if (past + steps === generation.maxNewTokens && generation.lastToken !== null) {
      forced[steps - 1] = BigInt(generation.lastToken);
    }
    const stopAlive = count <= FEW_ROWS ? 0 : Math.floor(count * KEEP_GOING_ABOVE);
    const mask = new Float32Array(count * width);
    rows.forEach((row, r) => {
      mask.fill(MASKED, r * width + row.tokens.length, (r + 1) * width);
    });
    const inputs: Record<string, Value> = {
      tokens: { type: 'int64', data: tokens, dims: [count] },
      forced: { type: 'int64', data: forced, dims: [steps] },
      stop_alive: { type: 'int64', data: BigInt64Array.of(BigInt(stopAlive)), dims: [] },
      cross_mask: { type: 'float32', data: mask, dims: [count, 1, 1, width] },
    };
    const cache = (all: Float32Array | undefined, positions: number): Value => {
      const size = count * heads * positions * headSize;
      return {
        type: 'float32',
        data: (all ?? new Float32Array(0)).subarray(0, size),
        dims: [count, heads, positions, headSize],
      };
    };
    parts.forEach((part, p) => {
      inputs[`cross_${part}`] = cache(state.cross[p], width);
      inputs[part] = cache(state.caches[p], past);
    });
    return inputs;
  }

  /** Decodes until every row of the state has ended or reached the limit. */
  async function decode(state: State, results: ReadonlyMap<EncodedRow, number[]>): Promise<void> {
    while (state.rows.length > 0) {
      const count = state.rows.length;
      const outputs = await decoder.run(feeds(state, results));
      const generated = outputs.integers('generated');
      state.past += generated.length / count;
      state.caches = parts.map((part) => outputs.floats(`next_${part}`));
      const alive: number[] = [];
      state.rows.forEach((row, r) => {
        const tokens = results.get(row) ?? [];
        for (let i = r; i < generated.length; i += count) {
          tokens.push(Number(generated[i]));
          if (ends.has(tokens.at(-1) ?? -1)) return;
        }
        if (tokens.length < generation.maxNewTokens) alive.push(r);
      });
      if (alive.length < count) compact(state, alive);
    }
  }

  /** Keeps the rows at the given places, and no more positions of the source than the longest of them has. */
  function compact(state: State, alive: readonly number[]): void {
    const rows = alive.map((r) => state.rows[r]).filter((row) => row !== undefined);
    const width = Math.max(0, ...rows.map((row) => paddedLength(row.tokens.length, window)));
    const past = heads * state.past * headSize;
    for (const cache of state.caches) {
      alive.forEach((from, to) => {
        if (from !== to) cache.copyWithin(to * past, from * past, (from + 1) * past);
      });
    }
    const narrow = width * headSize;
    const wide = state.width * headSize;
    for (const cross of state.cross) {
      alive.forEach((from, to) => {
        for (let head = 0; head < heads; head++) {
          const start = (from * heads + head) * wide;
          const target = (to * heads + head) * narrow;
          if (start !== target) cross.copyWithin(target, start, start + narrow);
        }
      });
    }
    state.rows = rows;
    state.width = width;
  }

  return async (rows) => {
    const results = new Map(rows.map((row) => [row, [] as number[]]));
    const sorted = [...rows].sort((a, b) => b.tokens.length - a.tokens.length);
    for (let i = 0; i < sorted.length; ) {
      const width = paddedLength(sorted[i]?.tokens.length ?? 1, window);
      const count = Math.max(1, Math.min(maxRows, Math.floor(MAX_SOURCE_POSITIONS / width)));
      await decode(await encode(sorted.slice(i, i + count)), results);
      i += count;
    }
    return rows.map((row) => {
      const tokens = results.get(row) ?? [];
      // At the limit a forced end token says nothing: the row might have gone on.
      const forced = tokens.length === generation.maxNewTokens && generation.lastToken !== null;
      return { tokens, finished: ends.has(tokens.at(-1) ?? -1) && !forced };
    });
  };
}
