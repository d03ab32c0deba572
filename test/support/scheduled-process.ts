import type { RowVerdict } from '../../src/contract/outcome.ts';
import type { SourceRow } from '../../src/contract/row.ts';
import { toGroupVerdicts } from '../../src/engine/process/columns.ts';
import type { Lane, Scheduler } from '../../src/worker/scheduler.ts';
import { verdictOf } from './fake-verdict.ts';

/** Stands for an engine process: keeps the groups that the scheduler sends, until a test has it answer. */
export interface ScheduledProcess {
  readonly lane: Lane;
  /** Rows of each group that it has. */
  groups(): (readonly SourceRow[])[];
  sizes(): number[];
  texts(): string[][];
  /** Is through with its first group, with an answer for those rows that are chosen (by position). False: it has none. */
  answer(chosen?: (at: number) => boolean, verdict?: (row: SourceRow) => RowVerdict): boolean;
}

export function connectProcess(scheduler: Scheduler): ScheduledProcess {
  let present: { readonly id: number; readonly rows: readonly SourceRow[] }[] = [];
  const lane = scheduler.connect((id, rows) => present.push({ id, rows }));
  const groups = () => {
    present = present.filter(({ id }) => lane.has(id));
    return present.map(({ rows }) => rows);
  };
  return {
    lane,
    groups,
    sizes: () => groups().map((rows) => rows.length),
    texts: () => groups().map((rows) => rows.map(({ text }) => text)),
    answer(chosen = () => true, verdict = verdictOf) {
      groups();
      const [first] = present;
      if (first === undefined) return false;
      const answers = first.rows.map((row, index) => ({ index, row, verdict: verdict(row) }));
      lane.answer(first.id, toGroupVerdicts(answers.filter(({ index }) => chosen(index))));
      lane.done(first.id);
      return true;
    },
  };
}
