import { cacheNames, type DecoderShape } from '../onnx/values.ts';
import { discard, type Value } from './session.ts';

/** For each token that a hypothesis has read, the entry of its keys and values. */
export type Lineage = readonly number[];

/**
 * Keys and values of the tokens that hypotheses have read. Each entry is written once and stays in place, whichever
 * hypotheses continue it. Hypotheses that share tokens share entries, and a step gathers the entries that it needs.
 */
interface KeyValueCache {
  /** Inputs of a step (`searchStep`): `ancestors`, and the entries. All lineages have the same length. */
  inputs(lineages: readonly Lineage[]): Record<string, Value>;
  /**
   * Adds an entry to each lineage and returns the longer lineages. Entries outside these lineages may be freed, so earlier
   * lineages are no longer valid.
   *
   * @param read keys or values of the new tokens, [lineages, heads, head size]; their memory is freed
   */
  add(lineages: readonly Lineage[], read: (part: string) => Float32Array): Lineage[];
}

/** Steps that fit before memory must be freed. */
const FIRST_STEPS = 16;

export function createKeyValueCache(shape: DecoderShape): KeyValueCache {
  const { heads, headSize } = shape;
  const size = heads * headSize;
  const parts = cacheNames(shape);
  // Never empty, because inputs of the first step must not be empty.
  let stores = parts.map(() => new Float32Array(size));
  let capacity = 1;
  let used = 0;

  /**
   * Makes room for `more` entries: it frees those that belong to no lineage, and allocates more memory if that is not enough.
   */
  function makeRoom(lineages: readonly Lineage[], more: number): Lineage[] {
    const live = [...new Set(lineages.flat())].sort((a, b) => a - b);
    const before = stores;
    const least = live.length + more;
    if (least > capacity / 2) {
      capacity = Math.max(2 * least, FIRST_STEPS * more);
      stores = parts.map(() => new Float32Array(capacity * size));
    }
    stores.forEach((store, p) => {
      const from = before[p] ?? store;
      live.forEach((entry, to) => {
        if (from !== store || entry !== to) store.set(from.subarray(entry * size, (entry + 1) * size), to * size);
      });
      if (from !== store) discard(from);
    });
    used = live.length;
    const places = new Map(live.map((entry, to) => [entry, to]));
    return lineages.map((lineage) => lineage.map((entry) => places.get(entry) ?? 0));
  }

  return {
    inputs(lineages) {
      const length = lineages[0]?.length ?? 0;
      const ancestors = BigInt64Array.from(lineages.flat(), BigInt);
      const inputs: Record<string, Value> = {
        ancestors: { type: 'int64', data: ancestors, dims: [lineages.length, length] },
      };
      const blocks = Math.max(1, used) * heads;
      parts.forEach((part, p) => {
        const data = (stores[p] ?? new Float32Array(0)).subarray(0, blocks * headSize);
        inputs[part] = { type: 'float32', data, dims: [blocks, headSize] };
      });
      return inputs;
    },
    add(lineages, read) {
      const more = lineages.length;
      const kept = used + more > capacity ? makeRoom(lineages, more) : lineages;
      parts.forEach((part, p) => {
        const values = read(part);
        stores[p]?.set(values, used * size);
        discard(values);
      });
      const first = used;
      used += more;
      return kept.map((lineage, i) => [...lineage, first + i]);
    },
  };
}
