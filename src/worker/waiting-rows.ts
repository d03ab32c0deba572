import type { RowVerdict } from '../contract/outcome.ts';
import type { SourceRow } from '../contract/row.ts';
import { createKnownVerdicts } from './known-verdicts.ts';

/*
 * The rows of all calls, until each has its verdict. Texts come again often, in the same chunk and in others, so only the
 * first row of a text goes to an engine process:
 *
 *   a row of a call ──its text has a known result──▶ verdict
 *        │ ──its text is under way──▶ follows the first row of that text ──▶ verdict
 *        ▼                                │ that row has a fault, or its result does not suit this row
 *     waiting ◀───────────────────────────┘
 *        │ taken by the scheduler
 *        ▼
 *     under way ──▶ verdict
 *
 * A call is answered when its last row has a verdict. What happens to a row under way is the matter of scheduler.ts.
 */

/** A row on its way to a verdict. */
export interface RowTicket {
  readonly row: SourceRow;
  /** The call that it belongs to, and its position there. */
  readonly call: Call;
  readonly index: number;
  /** Rows with the same text, which came later and wait for its verdict. */
  readonly followers: RowTicket[];
}

/** The rows of one call: those of a chunk. */
export interface Call {
  readonly verdicts: RowVerdict[];
  left: number;
  resolve(verdicts: RowVerdict[]): void;
  reject(error: Error): void;
}

export interface WaitingRows {
  /** Adds the rows of a call, in order. Resolves with one verdict per row, in order. */
  add(rows: readonly SourceRow[]): Promise<RowVerdict[]>;
  /** Rows that can be taken; those that follow others cannot. */
  count(): number;
  /** Rows that have their verdict, of calls that are not answered yet. */
  decided(): number;
  take(count: number): RowTicket[];
  /** Rows that were taken and not started go back to the front. */
  putBack(tickets: readonly RowTicket[]): void;
  /** Gives a row its verdict, and its followers theirs, where the result suits them. The other followers wait. */
  finish(ticket: RowTicket, verdict: RowVerdict): void;
  /** Rejects the calls of these rows and of all that wait. */
  abandon(underWay: readonly RowTicket[], error: Error): void;
}

export function createWaitingRows(): WaitingRows {
  let waiting: RowTicket[] = [];
  const known = createKnownVerdicts();
  const open = new Set<Call>();
  /** The rows that wait or are under way, by text. */
  const leaders = new Map<string, RowTicket>();

  const answer = ({ call, index }: RowTicket, verdict: RowVerdict): void => {
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
    if (result !== undefined) answer(ticket, result);
    else if (leader !== undefined) leader.followers.push(ticket);
    else {
      leaders.set(row.text, ticket);
      waiting.push(ticket);
    }
  };

  return {
    add(rows) {
      if (rows.length === 0) return Promise.resolve([]);
      return new Promise((resolve, reject) => {
        const call: Call = { verdicts: new Array(rows.length), left: rows.length, resolve, reject };
        open.add(call);
        for (const [index, row] of rows.entries()) enter({ row, call, index, followers: [] });
      });
    },
    count: () => waiting.length,
    decided: () => [...open].reduce((sum, { verdicts, left }) => sum + verdicts.length - left, 0),
    take: (count) => waiting.splice(0, count),
    putBack(tickets) {
      waiting = [...tickets, ...waiting];
    },
    finish(ticket, verdict) {
      leave(ticket);
      known.keep(ticket.row, verdict);
      answer(ticket, verdict);
      for (const follower of ticket.followers.splice(0)) {
        const result = known.resultOf(follower.row);
        if (result !== undefined) answer(follower, result);
        // All of them at once: one after the other, each would wait for a group.
        else waiting.push(follower);
      }
    },
    abandon(underWay, error) {
      const tickets = [...underWay, ...waiting];
      waiting = [];
      const all = tickets.flatMap((ticket) => [ticket, ...ticket.followers.splice(0)]);
      for (const ticket of all) leave(ticket);
      for (const call of new Set(all.map((ticket) => ticket.call))) {
        open.delete(call);
        call.reject(error);
      }
    },
  };
}
