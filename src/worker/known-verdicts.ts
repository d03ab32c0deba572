import { LRUCache } from 'lru-cache';
import { charsOfJson } from '../contract/chunk.ts';
import type { RowResult, RowVerdict } from '../contract/outcome.ts';
import type { SourceRow } from '../contract/row.ts';

/** About 100,000 short rows. */
const MEMORY_BYTES = 48 * 2 ** 20;
/** Bytes of an entry besides its texts. */
const ENTRY_BYTES = 400;

/** A result for every row with the same text. */
interface Known {
  readonly result: RowResult;
  /** True where the engine added nothing to `meta`, so that each row keeps its own. Else the result suits rows without `meta`. */
  readonly ownMeta: boolean;
}

/** Results by text, the latest used ones. A result depends on the text and the settings, and on nothing else. */
export interface KnownVerdicts {
  /** Keeps the verdict on a row if other rows can have it. A fault is never shared. */
  keep(row: SourceRow, verdict: RowVerdict): void;
  /** The result of a row, if a suitable one is kept. */
  resultOf(row: SourceRow): RowResult | undefined;
}

/** The memory for one set of settings. */
export function createKnownVerdicts(): KnownVerdicts {
  const known = new LRUCache<string, Known>({
    maxSize: MEMORY_BYTES,
    sizeCalculation: ({ result }, text) =>
      ENTRY_BYTES + text.length + (result.detoxified?.length ?? 0) + charsOfJson(result.meta),
  });
  return {
    keep(row, verdict) {
      if ('fault' in verdict) return;
      const ownMeta = verdict.meta === row.meta;
      // The other columns of the row are its own.
      if (ownMeta) known.set(row.text, { result: { ...verdict, meta: null }, ownMeta });
      else if (row.meta === null) known.set(row.text, { result: verdict, ownMeta });
    },
    resultOf({ rowNo, rowKey, text, meta }) {
      const found = known.get(text);
      if (found === undefined || (!found.ownMeta && meta !== null)) return undefined;
      return { ...found.result, rowNo, rowKey, meta: found.ownMeta ? meta : found.result.meta };
    },
  };
}
