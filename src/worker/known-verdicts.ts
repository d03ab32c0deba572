import { LRUCache } from 'lru-cache';
import { charsOfJson } from '../contract/chunk.ts';
import type { RowResult, RowVerdict } from '../contract/outcome.ts';
import type { SourceRow } from '../contract/row.ts';

/** Some 100,000 short rows. */
const MEMORY_BYTES = 48 * 2 ** 20;
/** What an entry takes besides its texts. */
const ENTRY_BYTES = 400;

/** A result for every row that has the same text. */
interface Known {
  readonly result: RowResult;
  /** The engine added nothing to `meta`: each row keeps its own. Else it is what a row without any gets. */
  readonly ownMeta: boolean;
}

/** Results by text, those that were used last: a result depends on the text and the settings, and on nothing else. */
export interface KnownVerdicts {
  /** Keeps the verdict on a row, if others can have it. A fault is that row's own. */
  keep(row: SourceRow, verdict: RowVerdict): void;
  /** The result of a row, if one is kept that it can have. */
  resultOf(row: SourceRow): RowResult | undefined;
}

/** For one set of settings. */
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
      // The columns of one row are not kept for others.
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
