import { cacheNames, type DecoderShape, MASKED } from '../onnx/values.ts';
import { type Batch, batchByLength, batchInputs, type EncodedRow } from './batches.ts';
import { discard, type Session, type Value } from './session.ts';

export interface TextEncoderOptions {
  readonly encoder: Session;
  readonly shape: DecoderShape;
  /** Tokens of a batch of the encoder. */
  readonly maxBatchTokens: number;
  /** The last token of a row is not read here, because the decoder starts with it. */
  readonly decoderOnly: boolean;
  /**
   * Reads all rows into the same memory, because new memory costs a page fault per 4 KiB. Only the texts that were read last
   * are then valid.
   */
  readonly reuseMemory: boolean;
}

/** Texts that are being decoded: their keys and values, which the decoder's layers read. */
export interface EncodedTexts {
  /** In the order of the keys and values, which can differ from the caller's order. */
  readonly rows: readonly EncodedRow[];
  /** Inputs of the decoder. `shared`: with a dimension for hypotheses that share a text, as `searchStep` needs it. */
  inputs(shared: boolean): Record<string, Value>;
  /**
   * Keeps the rows at the given places, in this order. Rows that stay in place are not copied, so no row may move up:
   * `places[i] >= i`. The memory of the other rows is overwritten.
   *
   * @param narrowBelow removes positions that no row needs if the needed positions are at most this share of all
   */
  keep(places: readonly number[], narrowBelow: number): void;
}

/** Products of attention weights and values add their terms in groups of this size. */
const WIDTH_STEP = 4;

/**
 * Least number of positions for the keys and values of a text. A batch is as wide as its longest text. The width is a
 * multiple of the groups, so that masked positions add zeros in groups of their own, and a row has the same bits in any batch
 * (docs/decisions/engine-batch-independence.md).
 */
export function encodedWidth(tokens: number): number {
  return Math.max(1, Math.ceil(tokens / WIDTH_STEP)) * WIDTH_STEP;
}

/**
 * Encodes rows in batches of equal length. The results are side by side in one array per layer, `[rows, heads, positions,
 * head size]`, as wide as the longest row. Positions beyond a row's own length are masked.
 */
export function createTextEncoder(options: TextEncoderOptions): (rows: readonly EncodedRow[]) => Promise<EncodedTexts> {
  const { encoder, shape, maxBatchTokens, decoderOnly, reuseMemory } = options;
  const { heads, headSize } = shape;
  const parts = cacheNames(shape);
  let pool: Float32Array[] = [];

  function buffers(size: number): Float32Array[] {
    if (!reuseMemory) return parts.map(() => new Float32Array(size));
    if ((pool[0]?.length ?? 0) < size) pool = parts.map(() => new Float32Array(size));
    return pool;
  }

  /**
   * Copies [rows, heads, batch length, head size] into [rows, heads, width, head size] and fills the rest with zeros. The
   * rest is masked, but the mask is a factor of about 1e-39: values that an earlier batch left would count, and infinite ones
   * would spread.
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

  /** Number of a row's tokens that are read here. */
  const lengthOf = (row: EncodedRow) => (decoderOnly ? row.tokens.length - 1 : row.tokens.length);

  return async (all) => {
    const read = decoderOnly ? all.map(({ index, tokens }) => ({ index, tokens: tokens.slice(0, -1) })) : all;
    const rowOf = new Map(read.map((row, i) => [row, all[i]]));
    const batches = batchByLength(read, maxBatchTokens).reverse();
    let width = encodedWidth(batches[0]?.length ?? 0);
    const size = heads * width * headSize;
    const cross = buffers(all.length * size);
    let done = 0;
    for (const batch of batches) {
      // After a prompt of one token there is nothing to read.
      const outputs = batch.length === 0 ? null : await encoder.run(batchInputs(batch));
      parts.forEach((part, p) => {
        const target = cross[p]?.subarray(done * size, (done + batch.rows.length) * size);
        if (outputs === null) target?.fill(0);
        else if (target) {
          const values = outputs.floats(`cross_${part}`);
          widen(values, batch, target, width);
          discard(values);
        }
      });
      done += batch.rows.length;
    }
    let rows = batches.flatMap((batch) => batch.rows).flatMap((row) => rowOf.get(row) ?? []);

    function mask(): Float32Array {
      const values = new Float32Array(rows.length * width);
      rows.forEach((row, r) => {
        values.fill(MASKED, r * width + lengthOf(row), (r + 1) * width);
      });
      return values;
    }

    return {
      get rows() {
        return rows;
      },
      inputs(shared) {
        const count = rows.length;
        const head = shared ? [count, 1] : [count];
        const inputs: Record<string, Value> = {
          cross_mask: { type: 'float32', data: mask(), dims: [...head, 1, 1, width] },
        };
        parts.forEach((part, p) => {
          const data = (cross[p] ?? new Float32Array(0)).subarray(0, count * heads * width * headSize);
          inputs[`cross_${part}`] = { type: 'float32', data, dims: [...head, heads, width, headSize] };
        });
        return inputs;
      },
      keep(places, narrowBelow) {
        rows = places.map((place) => rows[place]).filter((row) => row !== undefined);
        const needed = Math.max(0, ...rows.map((row) => encodedWidth(lengthOf(row))));
        const before = width;
        if (needed <= width * narrowBelow) width = needed;
        const wide = before * headSize;
        const narrow = width * headSize;
        for (const values of cross) {
          places.forEach((from, to) => {
            for (let head = 0; head < heads; head++) {
              const start = (from * heads + head) * wide;
              const target = (to * heads + head) * narrow;
              if (start !== target) values.copyWithin(target, start, start + narrow);
            }
          });
        }
      },
    };
  };
}
