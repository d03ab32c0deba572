import type { GreedyGeneration } from '../checkpoint/config/generation.ts';
import { cacheNames, type DecoderShape } from '../onnx/values.ts';
import type { EncodedRow } from './batches.ts';
import { createTextEncoder, type EncodedTexts, encodedWidth } from './encoded-texts.ts';
import { discard, type Session, type Value } from './session.ts';

export interface GreedyOptions {
  readonly encoder: Session;
  readonly decoder: Session;
  readonly shape: DecoderShape;
  readonly generation: GreedyGeneration;
  /** Tokens of a batch of the encoder. */
  readonly maxBatchTokens: number;
  /** Rows decoded together. */
  readonly maxRows: number;
  /** Steps in one call of the decoder. */
  readonly stepsPerCall?: number;
  /**
   * A call of the decoder ends early when at most this share of its rows has not ended, so that ended rows can be removed.
   */
  readonly keepGoingAbove?: number;
}

export interface Generated {
  readonly tokens: readonly number[];
  readonly finished: boolean;
}

/** 4, 8 and 16 were equally fast. */
export const STEPS_PER_CALL = 8;
export const KEEP_GOING_ABOVE = 0.75;
/** Too few rows for a call of their own. */
const FEW_ROWS = 4;
/** Source positions of the rows decoded together: bounds the memory for keys and values (300 MB for bart-base). */
const MAX_SOURCE_POSITIONS = 8192;

/** Rows being decoded, with the keys and values of what has been generated, in the order of `sources.rows`. */
interface State {
  readonly sources: EncodedTexts;
  /** Steps done. */
  past: number;
  /** One for each of `cacheNames`, [rows, heads, past, head size]. */
  caches: Float32Array[];
}

/**
 * Greedy search over encoded rows; results are in the order of the list. Rows are sorted by length, encoded in batches of
 * equal length and decoded up to `maxRows` together. A row that has ended leaves its batch after the call.
 */
export function createGreedySearch(options: GreedyOptions): (rows: readonly EncodedRow[]) => Promise<Generated[]> {
  const { encoder, decoder, shape, generation, maxBatchTokens, maxRows } = options;
  const { stepsPerCall = STEPS_PER_CALL, keepGoingAbove = KEEP_GOING_ABOVE } = options;
  const { heads, headSize } = shape;
  const parts = cacheNames(shape);
  const ends = new Set(generation.endTokens);
  const read = createTextEncoder({
    ...{ encoder, shape, maxBatchTokens, reuseMemory: true },
    decoderOnly: generation.startToken === null,
  });

  function feeds({ sources, caches, past }: State, results: ReadonlyMap<EncodedRow, number[]>): Record<string, Value> {
    const { rows } = sources;
    const count = rows.length;
    const last = (row: EncodedRow) => results.get(row)?.at(-1) ?? generation.startToken ?? row.tokens.at(-1) ?? 0;
    const tokens = BigInt64Array.from(rows, (row) => BigInt(last(row)));
    const steps = Math.min(stepsPerCall, generation.maxNewTokens - past);
    const forced = new BigInt64Array(steps).fill(-1n);
    if (past === 0 && generation.firstToken !== null) forced[0] = BigInt(generation.firstToken);
    // If several end tokens are forced, all have the same score, and greedy search takes the first.
    const [lastToken] = generation.lastTokens;
    if (past + steps === generation.maxNewTokens && lastToken !== undefined) forced[steps - 1] = BigInt(lastToken);
    const stopAlive = count <= FEW_ROWS ? 0 : Math.floor(count * keepGoingAbove);
    const inputs: Record<string, Value> = {
      ...sources.inputs(false),
      tokens: { type: 'int64', data: tokens, dims: [count] },
      forced: { type: 'int64', data: forced, dims: [steps] },
      stop_alive: { type: 'int64', data: BigInt64Array.of(BigInt(stopAlive)), dims: [] },
    };
    parts.forEach((part, p) => {
      const data = (caches[p] ?? new Float32Array(0)).subarray(0, count * heads * past * headSize);
      inputs[part] = { type: 'float32', data, dims: [count, heads, past, headSize] };
    });
    return inputs;
  }

  /** Decodes until every row of the state has ended or reached the limit. */
  async function decode(state: State, results: ReadonlyMap<EncodedRow, number[]>): Promise<void> {
    while (state.sources.rows.length > 0) {
      const { rows } = state.sources;
      const count = rows.length;
      const outputs = await decoder.run(feeds(state, results));
      const generated = outputs.integers('generated');
      state.past += generated.length / count;
      state.caches.forEach(discard);
      state.caches = parts.map((part) => outputs.floats(`next_${part}`));
      const alive: number[] = [];
      rows.forEach((row, r) => {
        const tokens = results.get(row) ?? [];
        for (let i = r; i < generated.length; i += count) {
          tokens.push(Number(generated[i]));
          if (ends.has(tokens.at(-1) ?? -1)) return;
        }
        if (tokens.length < generation.maxNewTokens) alive.push(r);
      });
      if (alive.length < count) compact(state, alive);
    }
    state.caches.forEach(discard);
  }

  /** Keeps the rows at the given places, and only as many source positions as the longest of them needs. */
  function compact({ sources, caches, past }: State, alive: readonly number[]): void {
    const size = heads * past * headSize;
    for (const cache of caches) {
      alive.forEach((from, to) => {
        if (from !== to) cache.copyWithin(to * size, from * size, (from + 1) * size);
      });
    }
    sources.keep(alive, 1);
  }

  return async (rows) => {
    const results = new Map(rows.map((row) => [row, [] as number[]]));
    const sorted = [...rows].sort((a, b) => b.tokens.length - a.tokens.length);
    for (let i = 0; i < sorted.length; ) {
      const width = encodedWidth(sorted[i]?.tokens.length ?? 1);
      const count = Math.max(1, Math.min(maxRows, Math.floor(MAX_SOURCE_POSITIONS / width)));
      const sources = await read(sorted.slice(i, i + count));
      await decode({ sources, past: 0, caches: parts.map(() => new Float32Array(0)) }, results);
      i += count;
    }
    return rows.map((row) => {
      const tokens = results.get(row) ?? [];
      // At the limit, a forced end token does not mean that the row had ended.
      const forced = tokens.length === generation.maxNewTokens && generation.lastTokens.length > 0;
      return { tokens, finished: ends.has(tokens.at(-1) ?? -1) && !forced };
    });
  };
}
