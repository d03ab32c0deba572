import type { RowVerdict } from '../contract/outcome.ts';
import type { SourceRow } from '../contract/row.ts';
import { createKnownVerdicts } from './known-verdicts.ts';

/*
 * A group of rows on its way:
 *
 *   waiting ──▶ in flight ──every row answered──▶ settled
 *                  │ its process died, hung, threw, or left rows out
 *                  └──▶ halves wait as suspects, each alone in a process ──▶ one row, twice at fault ──▶ a row error
 *
 * Only the first row of a text goes that way. Others with the same text follow it and get its result, or have it at once where
 * it is known already. If the first comes to a fault, or its result is not for them, they go the way themselves.
 */

/** Times that a row may be alone at fault before it is given up: once could be someone else's signal. */
const MAX_FAULTS_ALONE = 2;

/** A row on its way through the engines. */
export interface RowTicket {
  readonly row: SourceRow;
  readonly call: Call;
  /** Position in its call. */
  readonly index: number;
  verdict: RowVerdict | undefined;
  /** The last answer to it was none. */
  badAnswer: boolean;
  faultsAlone: number;
  /** Rows with the same text, which came later and wait for its verdict. */
  followers: RowTicket[];
}

/** Rows that one engine process works on together. */
export interface RowGroup {
  readonly id: number;
  readonly tickets: readonly RowTicket[];
  /** Some row of it may have ended a process: it travels alone. */
  readonly suspect: boolean;
}

/** The rows of one call: a chunk. */
interface Call {
  readonly verdicts: RowVerdict[];
  left: number;
  resolve(verdicts: RowVerdict[]): void;
  reject(error: Error): void;
}

export interface RowQueue {
  /** Rows wait in order; resolves with one verdict a row. */
  add(rows: readonly SourceRow[]): Promise<RowVerdict[]>;
  /** Rows that are to be taken; those that follow others are not. */
  waiting(): number;
  /** Rows that have their verdict, of calls that wait for others. */
  decided(): number;
  take(count: number): RowTicket[];
  takeSuspects(): RowTicket[] | undefined;
  /** A group that was never started goes back to the front. */
  putBack(group: RowGroup): void;
  /**
   * Ends a group: rows with a verdict are done; the others are at fault, and wait again in halves, alone,
   * until a single row was twice at fault: then `fault` is its verdict.
   */
  settle(group: RowGroup, fault: { code: string; message: string }): void;
  /** Rejects the calls of these groups and of all that waits. */
  abandon(groups: readonly RowGroup[], error: Error): void;
}

export function createRowQueue(): RowQueue {
  let fresh: RowTicket[] = [];
  let suspects: RowTicket[][] = [];
  const known = createKnownVerdicts();
  const open = new Set<Call>();
  /** The rows that go the way, by text. */
  const leaders = new Map<string, RowTicket>();

  const close = ({ call, index }: RowTicket, verdict: RowVerdict): void => {
    call.verdicts[index] = verdict;
    call.left -= 1;
    if (call.left > 0) return;
    open.delete(call);
    call.resolve(call.verdicts);
  };

  const leave = (ticket: RowTicket): void => {
    const { text } = ticket.row;
    if (leaders.get(text) === ticket) leaders.delete(text);
  };

  const enter = (ticket: RowTicket): void => {
    const { row } = ticket;
    const result = known.resultOf(row);
    const leader = leaders.get(row.text);
    if (result !== undefined) close(ticket, result);
    else if (leader !== undefined) leader.followers.push(ticket);
    else {
      leaders.set(row.text, ticket);
      fresh.push(ticket);
    }
  };

  const finish = (ticket: RowTicket, verdict: RowVerdict): void => {
    leave(ticket);
    known.keep(ticket.row, verdict);
    close(ticket, verdict);
    for (const follower of ticket.followers.splice(0)) {
      const result = known.resultOf(follower.row);
      if (result !== undefined) close(follower, result);
      // All of them at once: one after the other, each would wait for a group.
      else fresh.push(follower);
    }
  };

  return {
    add(rows) {
      if (rows.length === 0) return Promise.resolve([]);
      return new Promise((resolve, reject) => {
        const call: Call = { verdicts: new Array(rows.length), left: rows.length, resolve, reject };
        open.add(call);
        for (const [index, row] of rows.entries()) {
          enter({ row, call, index, verdict: undefined, badAnswer: false, faultsAlone: 0, followers: [] });
        }
      });
    },
    waiting: () => fresh.length,
    decided: () => [...open].reduce((sum, { verdicts, left }) => sum + verdicts.length - left, 0),
    take: (count) => fresh.splice(0, count),
    takeSuspects: () => suspects.shift(),
    putBack(group) {
      if (group.suspect) suspects.unshift([...group.tickets]);
      else fresh = [...group.tickets, ...fresh];
    },
    settle(group, fault) {
      const unanswered: RowTicket[] = [];
      for (const ticket of group.tickets) {
        ticket.badAnswer = false;
        if (ticket.verdict === undefined) unanswered.push(ticket);
        else finish(ticket, ticket.verdict);
      }
      const [only] = unanswered;
      if (only === undefined) return;
      if (unanswered.length > 1) {
        const middle = Math.ceil(unanswered.length / 2);
        suspects.push(unanswered.slice(0, middle), unanswered.slice(middle));
        return;
      }
      only.faultsAlone += 1;
      if (only.faultsAlone < MAX_FAULTS_ALONE) {
        suspects.push([only]);
        return;
      }
      const { rowNo, rowKey } = only.row;
      finish(only, { rowNo, rowKey, fault: { stage: 'engine', ...fault } });
    },
    abandon(groups, error) {
      const tickets = [...groups.flatMap((group) => group.tickets), ...fresh, ...suspects.flat()];
      fresh = [];
      suspects = [];
      const all = tickets.flatMap((ticket) => [ticket, ...ticket.followers.splice(0)]);
      for (const ticket of all) leave(ticket);
      for (const call of new Set(all.map(({ call }) => call))) {
        open.delete(call);
        call.reject(error);
      }
    },
  };
}
