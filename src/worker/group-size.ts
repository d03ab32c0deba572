/**
 * Groups are sized to take about this long, so that two of them end within a drain and one still fills its batches: with
 * models of base size, 64 rows a group (3 s) took 10 % more CPU time a row than 256 (10 s), and 512 saved no more.
 */
const GROUP_TARGET_MS = 10_000;
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
