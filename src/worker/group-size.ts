/**
 * Groups are sized to take about this long, so that the one in work ends within a drain (25 s) and its rewrites fill a batch: with
 * models of base size, 480 rows per group (20 s) took 3 to 7 % less CPU time per row than 240 (docs/decisions/whole-job.md).
 */
const GROUP_TARGET_MS = 20_000;
const MIN_GROUP_ROWS = 16;
const MAX_GROUP_ROWS = 2048;

/** Before any group has been timed. */
export const FIRST_GROUP_ROWS = 256;

/** How many rows the next group gets, after one of `rows` rows took `ms`: at most a doubling or a halving away. */
export function nextGroupRows(groupRows: number, rows: number, ms: number): number {
  // So few rows say more about the one that took longest than about the speed.
  if (rows < MIN_GROUP_ROWS) return groupRows;
  const wanted = Math.round((GROUP_TARGET_MS / Math.max(ms, 1)) * rows);
  const stepped = Math.min(Math.max(wanted, groupRows / 2), groupRows * 2);
  return Math.round(Math.min(Math.max(stepped, MIN_GROUP_ROWS), MAX_GROUP_ROWS));
}
