import type { WorkerRows } from '../worker/worker.ts';

/**
 * How many rows of a run are decided, by the ledger and by what the worker of this process has that the ledger does not
 * know yet. It goes up only, and is never more than what was decided: what the ledger got from this worker is not counted
 * twice, although it is read a little before or after the worker knows that it is written.
 *
 * @param rows of the worker, which works on this run alone
 */
export function createDecidedRows(rows: () => WorkerRows): (ledger: { rowsDone: number; rows: number }) => number {
  let others = 0;
  let shown = 0;
  return ({ rowsDone, rows: all }) => {
    const { decided, writing, stored } = rows();
    // At least so many are from other workers, or from before.
    others = Math.max(others, rowsDone - stored - writing);
    shown = Math.max(shown, Math.min(all, others + stored + writing + decided));
    return shown;
  };
}
