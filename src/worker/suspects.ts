import { deflateSync, inflateSync } from 'node:zlib';
import type { Claim } from '../contract/claim.ts';
import type { Log } from '../contract/log.ts';
import type { RowVerdict } from '../contract/outcome.ts';
import type { SourceRow } from '../contract/row.ts';
import type { Database } from '../store/database.ts';
import {
  noteIntent,
  noteSurvived,
  readSlices,
  type Slice,
  type TriedSlice,
  withdrawIntent,
} from '../store/suspect-slices.ts';
import { createCondition } from '../util/condition.ts';

/*
 * A chunk whose workers died several times in a row is suspect. Its rows are tried in slices, and the intent to try a slice
 * is committed to the ledger first. A worker that dies leaves its intent there, and the next worker reads it.
 *
 *                  ┌──────────── the worker stops in an orderly way ────────────┐
 *                  ▼                                                            │
 *   16 rows:    untried ──intent──▶ being tried ──answers──▶ survived: verdicts kept, never tried again
 *                                        │ the worker died
 *                                        ▼
 *                               each of its rows alone
 *
 *   one row:    untried ──intent──▶ being tried ──answers──▶ survived
 *                  ▲                     │ the worker died
 *                  └──── the 1st time ───┤
 *                                        └─ the 2nd time ──▶ a row error, `worker_killed`
 *
 * A worker does nothing else meanwhile (see `createGate`), so that no row is blamed for another one.
 */

/** A chunk with more claims that were not handed back is suspect. */
const ATTEMPTS_BEFORE_SUSPECT = 3;
const SLICE_ROWS = 16;
/** Deaths with a row alone. A single one may be that of a machine that was switched off. */
const DEATHS_BEFORE_BLAME = 2;

export function isSuspect(claim: Claim): boolean {
  return claim.attempts > ATTEMPTS_BEFORE_SUSPECT;
}

/**
 * Tries the rows of a suspect chunk, slice by slice.
 * @param process gives one verdict per row, in order
 * @returns one verdict per row, in order; null when the claim is no longer ours
 */
export async function trySuspect(
  { database, log }: { readonly database: Database; readonly log: Log },
  claim: Claim,
  rows: readonly SourceRow[],
  process: (rows: readonly SourceRow[]) => Promise<readonly RowVerdict[]>,
): Promise<RowVerdict[] | null> {
  const { runId, chunkNo, attempts } = claim;
  log.warn({ runId, chunkNo, attempts }, 'the workers of this chunk died: its rows are tried a few at a time');
  const tried = await readSlices(database, claim);
  const verdicts = new Map<number, RowVerdict>();
  for (const slice of tried) {
    if (slice.verdicts === null) continue;
    const kept: RowVerdict[] = JSON.parse(inflateSync(slice.verdicts).toString('utf8'));
    for (const verdict of kept) verdicts.set(verdict.rowNo, verdict);
  }
  for (;;) {
    const left = rows.filter((row) => !verdicts.has(row.rowNo));
    const [first] = left;
    if (first === undefined) return rows.flatMap((row) => verdicts.get(row.rowNo) ?? []);
    const deaths = deathsAlone(tried, first.rowNo);
    if (deaths >= DEATHS_BEFORE_BLAME) {
      log.warn({ runId, chunkNo, rowNo: first.rowNo, deaths }, 'a row killed its worker each time: it is a row error');
      verdicts.set(first.rowNo, blame(first, deaths));
      continue;
    }
    const together = hasKilled(tried, first.rowNo) ? [first] : left.slice(0, SLICE_ROWS);
    const slice = { firstRow: first.rowNo, rowCount: (together.at(-1) ?? first).rowNo - first.rowNo + 1 };
    if (!(await noteIntent(database, claim, slice))) return null;
    const answers = await process(together).catch(async (error: unknown) => {
      // The worker lives. If the withdrawal fails, too, one death is counted that was none; a row is blamed only after two.
      await withdrawIntent(database, claim, slice).catch(() => {});
      throw error;
    });
    await noteSurvived(database, claim, slice, deflateSync(JSON.stringify(answers), { level: 1 }));
    for (const answer of answers) verdicts.set(answer.rowNo, answer);
  }
}

/** Whether a worker died with this row, alone or among others. */
function hasKilled(tried: readonly TriedSlice[], rowNo: number): boolean {
  return tried.some((slice) => slice.verdicts === null && slice.intents > 0 && covers(slice, rowNo));
}

function deathsAlone(tried: readonly TriedSlice[], rowNo: number): number {
  const alone = tried.find((slice) => slice.firstRow === rowNo && slice.rowCount === 1 && slice.verdicts === null);
  return alone?.intents ?? 0;
}

function covers({ firstRow, rowCount }: Slice, rowNo: number): boolean {
  return rowNo >= firstRow && rowNo < firstRow + rowCount;
}

function blame({ rowNo, rowKey }: SourceRow, deaths: number): RowVerdict {
  const message = `The worker process died each of the ${deaths} times that it worked on this row alone.`;
  return { rowNo, rowKey, fault: { stage: 'engine', code: 'worker_killed', message } };
}

export interface Gate {
  /** Runs beside other shared work. */
  shared<T>(work: () => Promise<T>): Promise<T>;
  /** Waits until nothing else runs, and holds back all other work meanwhile. */
  alone<T>(work: () => Promise<T>): Promise<T>;
}

/** Lets ordinary chunks be worked on side by side, and a suspect one alone. */
export function createGate(): Gate {
  let running = 0;
  let lonely = 0;
  let occupied = false;
  const { change, wake } = createCondition();
  // No await may lie between looking at these variables and changing them.
  return {
    async shared(work) {
      while (occupied || lonely > 0) await change();
      running += 1;
      try {
        return await work();
      } finally {
        running -= 1;
        wake();
      }
    },
    async alone(work) {
      lonely += 1;
      while (occupied || running > 0) await change();
      lonely -= 1;
      occupied = true;
      try {
        return await work();
      } finally {
        occupied = false;
        wake();
      }
    },
  };
}
