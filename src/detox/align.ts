/** A stretch where two token sequences differ: `before[from, to)` became `after[newFrom, newTo)`; either may be empty. */
export interface Region {
  readonly from: number;
  readonly to: number;
  readonly newFrom: number;
  readonly newTo: number;
}

const WORD_WEIGHT = 4;
const POINT_WEIGHT = 1;
/** Adjacent matches count more than the same matches apart, so that blocks stay whole. */
const ADJACENT_BONUS = 1;
/** Beyond this many cells (a few thousand tokens per side), the middle counts as rewritten. No rewrite is that long. */
const MAX_CELLS = 4_000_000;
const WORDY = /[\p{L}\p{N}]/u;

/**
 * Finds where `after` differs from `before`, in order. Text between these regions is equal in both. The sum of matched tokens
 * is as large as possible; words count more than punctuation, and unbroken blocks more than scattered tokens.
 *
 * It uses dynamic programming between the common start and end: O(n·m) there.
 */
export function differences(before: readonly string[], after: readonly string[]): Region[] {
  let start = 0;
  while (start < before.length && start < after.length && before[start] === after[start]) start++;
  let endBefore = before.length;
  let endAfter = after.length;
  while (endBefore > start && endAfter > start && before[endBefore - 1] === after[endAfter - 1]) {
    endBefore--;
    endAfter--;
  }
  if (endBefore === start && endAfter === start) return [];
  const regions: Region[] = [];
  let from = start;
  let newFrom = start;
  const matches = matchMiddle(before.slice(start, endBefore), after.slice(start, endAfter));
  for (const [i, j] of [...matches, [endBefore - start, endAfter - start] as const]) {
    const to = start + i;
    const newTo = start + j;
    if (to > from || newTo > newFrom) regions.push({ from, to, newFrom, newTo });
    from = to + 1;
    newFrom = newTo + 1;
  }
  return regions;
}

/** The matched pairs (index in `a`, index in `b`) of a best alignment, in ascending order. */
function matchMiddle(a: readonly string[], b: readonly string[]): (readonly [number, number])[] {
  if (a.length === 0 || b.length === 0 || a.length * b.length > MAX_CELLS) return [];
  const width = b.length + 1;
  // best[i, j]: worth of aligning a[i..] with b[j..]; matched[i, j]: the same when a[i] and b[j] are matched.
  const best = new Int32Array((a.length + 1) * width);
  const matched = new Int32Array((a.length + 1) * width).fill(-1);
  for (let i = a.length - 1; i >= 0; i--) {
    const weight = WORDY.test(a[i] ?? '') ? WORD_WEIGHT : POINT_WEIGHT;
    for (let j = b.length - 1; j >= 0; j--) {
      const at = i * width + j;
      let worth = Math.max(best[at + width] ?? 0, best[at + 1] ?? 0);
      if (a[i] === b[j]) {
        const next = at + width + 1;
        const pair = weight + Math.max(best[next] ?? 0, (matched[next] ?? -1) + ADJACENT_BONUS);
        matched[at] = pair;
        if (pair > worth) worth = pair;
      }
      best[at] = worth;
    }
  }
  return trace(a.length, b.length, best, matched);
}

function trace(rows: number, columns: number, best: Int32Array, matched: Int32Array): (readonly [number, number])[] {
  const width = columns + 1;
  const pairs: (readonly [number, number])[] = [];
  let i = 0;
  let j = 0;
  while (i < rows && j < columns) {
    const at = i * width + j;
    const inBlock = pairs.length > 0 && isAfter(pairs.at(-1), i, j);
    const pair = matched[at] ?? -1;
    const worth = best[at] ?? 0;
    if (pair >= 0 && (pair === worth || (inBlock && pair + ADJACENT_BONUS >= worth))) {
      pairs.push([i, j]);
      i++;
      j++;
    } else if (best[at + width] === worth) i++;
    else j++;
  }
  return pairs;
}

function isAfter(pair: readonly [number, number] | undefined, i: number, j: number): boolean {
  return pair !== undefined && pair[0] === i - 1 && pair[1] === j - 1;
}
