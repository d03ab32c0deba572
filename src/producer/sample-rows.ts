import { isRejected, type SourceRow } from '../contract/row.ts';
import type { Dataset } from './dataset.ts';

/**
 * A random sample of a dataset's readable rows, the same each time: those whose row numbers have the smallest hashes.
 * Reads the whole dataset once, and holds at most twice `count` rows.
 *
 * @returns `count` rows, or all of them where there are fewer, and how many there are
 */
export async function sampleRows(
  dataset: Pick<Dataset, 'read'>,
  count: number,
): Promise<{ readonly rows: SourceRow[]; readonly total: number }> {
  let kept: { readonly hash: number; readonly row: SourceRow }[] = [];
  let limit = Number.POSITIVE_INFINITY;
  let total = 0;
  const cut = (): void => {
    kept = kept.sort((a, b) => a.hash - b.hash).slice(0, count);
    limit = kept.length === count ? (kept.at(-1)?.hash ?? limit) : limit;
  };
  for await (const rows of dataset.read()) {
    for (const row of rows) {
      if (isRejected(row)) continue;
      total += 1;
      const hash = hashOf(row.rowNo);
      if (hash >= limit) continue;
      kept.push({ hash, row });
      if (kept.length >= 2 * count) cut();
    }
  }
  cut();
  return { rows: kept.map(({ row }) => row), total };
}

/** The finalizer of MurmurHash3: spreads consecutive numbers evenly over 32 bits, each to another one. */
function hashOf(rowNo: number): number {
  let bits = rowNo | 0;
  bits = Math.imul(bits ^ (bits >>> 16), 0x85ebca6b);
  bits = Math.imul(bits ^ (bits >>> 13), 0xc2b2ae35);
  return (bits ^ (bits >>> 16)) >>> 0;
}
