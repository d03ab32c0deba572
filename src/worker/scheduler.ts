import type { RowVerdict } from '../contract/outcome.ts';
import type { SourceRow } from '../contract/row.ts';
import type { GroupVerdicts } from '../engine/index.ts';
import { verdictAt } from './check-verdict.ts';
import { createWaitingRows, type RowTicket } from './waiting-rows.ts';

/*
 * The scheduler hands rows to the engine processes of a worker, in groups, across chunk borders. It alone knows which row
 * is in which group, which group is at which process, and what came back of it:
 *
 *   waiting rows ──a process has room──▶ group in flight ──every row answered──▶ verdicts
 *                                          │ its process died, hung, failed on it, or left rows out
 *                                          ▼
 *                              the rows without an answer are suspect
 *                                │ several                     │ one
 *                                ▼                             ▼
 *                     two halves, each a group            once more alone ──at fault again──▶ a row error
 *                     that is alone in its process
 *
 * A process that dies takes at most one group with it: only its first group had been started. The group behind that one
 * waits again as if nothing had happened.
 *
 * Each process gets one group at a time. Where groups are done within a second, a second one waits inside the process, so
 * that it does not idle between two. The last rows are shared by all processes, so that they end together.
 */

/**
 * Groups are sized to take about this long, so that the one in work ends within a drain (25 s) and its rewrites fill a batch: with
 * models of base size, 480 rows per group (20 s) took 3 to 7 % less CPU time per row than 240 (docs/decisions/whole-job.md).
 */
const GROUP_TARGET_MS = 20_000;
const MIN_GROUP_ROWS = 16;
const MAX_GROUP_ROWS = 2048;
/** Before any group has been timed. */
export const FIRST_GROUP_ROWS = 256;
/** One group in work, one waiting inside the process. */
const GROUPS_IN_FLIGHT = 2;
/** Where a group takes longer, the few milliseconds until the next one comes do not matter. */
const QUICK_GROUP_MS = 1000;
/** A busy machine takes no fewer of the last rows at a time: batches would be nearly empty. */
const LEAST_ROWS = 16;
/** Times that a row may be alone at fault before it is given up. Once may be a signal from outside. */
const MAX_FAULTS_ALONE = 2;
/** Only calls of a few rows each would need more. */
const MOST_CALLS_PER_PROCESS = 128;

/** What went wrong with a row, in the terms of a row error of stage `engine`. */
export interface EngineFault {
  readonly code: string;
  readonly message: string;
}

/** What an engine process tells about its groups. Answers to a group that it does not have are ignored. */
export interface Lane {
  /** The process takes groups from now on. */
  open(): void;
  /** It takes no more; what it has goes on. */
  shut(): void;
  has(groupId: number): boolean;
  /** Rows of the group that is in work; 0 without any. */
  rowsInWork(): number;
  answer(groupId: number, verdicts: GroupVerdicts): void;
  /** The process is through with a group. Rows without an answer are at fault. */
  done(groupId: number): void;
  /** The process could not work on a group. Rows without an answer are at fault. */
  failed(groupId: number, fault: EngineFault): void;
  /** The process has ended: its first group is at fault. */
  lost(fault: EngineFault): void;
}

export interface Scheduler {
  /**
   * One verdict per row, in order. Each distinct text is given to an engine process once. Rows that cannot be processed get
   * a fault. Rejects only when the scheduler is abandoned; then nothing was decided about these rows.
   */
  process(rows: readonly SourceRow[]): Promise<RowVerdict[]>;
  /**
   * How many calls of `process` should be open at a time, so that every process finds a full group. It follows from the
   * rows that calls had so far. When fewer are open, the rows that wait count as the last ones, and all processes share them.
   */
  callsWanted(): number;
  /** Rows that have their verdict, of calls of `process` that are still open. */
  decidedRows(): number;
  /**
   * Adds an engine process, which is shut at first.
   * @param submit sends a group to it; numbers of groups never come again, since answers of a dead process may still be on their way
   */
  connect(submit: (groupId: number, rows: readonly SourceRow[]) => void): Lane;
  /** For good: rejects all calls, now and later. */
  abandon(error: Error): void;
}

/** Rows that one engine process works on together. */
interface Group {
  readonly id: number;
  readonly tickets: readonly RowTicket[];
  /** Verdicts so far, by position. */
  readonly verdicts: (RowVerdict | undefined)[];
  /** Whether some answer could not be stored. */
  hasBadAnswer: boolean;
  /** A row of it may have ended a process, so no group waits behind it. */
  readonly suspect: boolean;
}

/** An engine process, as the scheduler sees it. */
interface Seat {
  isOpen: boolean;
  readonly groups: Group[];
  /** Rows of a group that takes about `GROUP_TARGET_MS`. */
  groupRows: number;
  groupStartedAt: number;
  lastGroupMs: number;
  submit(groupId: number, rows: readonly SourceRow[]): void;
}

export function createScheduler(): Scheduler {
  const rows = createWaitingRows();
  /** Groups of rows that were in flight when something went wrong. */
  const suspects: RowTicket[][] = [];
  const faultsAlone = new WeakMap<RowTicket, number>();
  const seats: Seat[] = [];
  let abandoned: Error | undefined;
  let nextGroupId = 0;

  let openCalls = 0;
  let rowsOfCalls = 0;
  let calls = 0;
  // A caller that does not ask how many calls are wanted has no more to come.
  let wanted = Number.POSITIVE_INFINITY;

  const send = (seat: Seat, tickets: readonly RowTicket[], suspect: boolean): void => {
    if (seat.groups.length === 0) seat.groupStartedAt = performance.now();
    const group: Group = {
      ...{ id: nextGroupId++, tickets, suspect },
      ...{ verdicts: new Array(tickets.length), hasBadAnswer: false },
    };
    seat.groups.push(group);
    seat.submit(
      group.id,
      tickets.map(({ row }) => row),
    );
  };

  const feedIdle = (open: readonly Seat[], moreToCome: boolean): void => {
    const idle = open.filter(({ groups }) => groups.length === 0);
    const busy = open.length - idle.length;
    let sharers = idle.length + (moreToCome ? 0 : busy);
    for (const seat of idle) {
      const suspect = suspects.shift();
      const share = Math.max(Math.ceil(rows.count() / sharers), busy > 0 ? LEAST_ROWS : 1);
      const tickets = suspect ?? rows.take(Math.min(share, seat.groupRows));
      if (tickets.length > 0) send(seat, tickets, suspect !== undefined);
      sharers -= 1;
    }
  };

  const feedAhead = (open: readonly Seat[]): void => {
    for (const seat of open) {
      const { groups, groupRows } = seat;
      const hasRoom = groups.length > 0 && groups.length < GROUPS_IN_FLIGHT;
      if (!hasRoom || seat.lastGroupMs >= QUICK_GROUP_MS || groups.some(({ suspect }) => suspect)) continue;
      if (rows.count() >= groupRows * open.length) send(seat, rows.take(groupRows), false);
    }
  };

  /** Sends what waits to the processes that can take it. */
  const feed = (): void => {
    if (abandoned !== undefined) return;
    const open = seats.filter(({ isOpen }) => isOpen);
    // Calls that have just been answered are still open: their callers have not come back yet.
    const moreToCome = openCalls >= wanted;
    feedIdle(open, moreToCome);
    if (moreToCome) feedAhead(open);
  };

  /** Ends a group. Rows with a verdict are done. The others are suspect, until a row that is alone is at fault twice. */
  const settle = ({ tickets, verdicts }: Group, fault: EngineFault): void => {
    const unanswered: RowTicket[] = [];
    for (const [at, ticket] of tickets.entries()) {
      const verdict = verdicts[at];
      if (verdict === undefined) unanswered.push(ticket);
      else rows.finish(ticket, verdict);
    }
    const [only] = unanswered;
    if (only === undefined) return;
    if (unanswered.length > 1) {
      const middle = Math.ceil(unanswered.length / 2);
      suspects.push(unanswered.slice(0, middle), unanswered.slice(middle));
      return;
    }
    const faults = (faultsAlone.get(only) ?? 0) + 1;
    faultsAlone.set(only, faults);
    if (faults < MAX_FAULTS_ALONE) {
      suspects.push([only]);
      return;
    }
    const { rowNo, rowKey } = only.row;
    rows.finish(only, { rowNo, rowKey, fault: { stage: 'engine', ...fault } });
  };

  const putBack = ({ tickets, suspect }: Group): void => {
    if (suspect) suspects.unshift([...tickets]);
    else rows.putBack(tickets);
  };

  const takeGroup = ({ groups }: Seat, groupId: number): Group | undefined => {
    const at = groups.findIndex(({ id }) => id === groupId);
    return at < 0 ? undefined : groups.splice(at, 1)[0];
  };

  return {
    process(given) {
      if (abandoned !== undefined) return Promise.reject(abandoned);
      openCalls += 1;
      const waitingBefore = rows.count();
      const done = rows.add(given).finally(() => {
        openCalls -= 1;
      });
      // A row whose text is known or under way does not fill a group.
      const filling = rows.count() - waitingBefore;
      if (filling > 0) calls += 1;
      rowsOfCalls += filling;
      feed();
      return done;
    },
    callsWanted() {
      const groupRows = seats.map((seat) => seat.groupRows);
      // A group for each process, and one more for the process that is done first.
      const wantedRows = groupRows.reduce((sum, each) => sum + each, Math.max(0, ...groupRows));
      // A call whose rows are in two groups stays open until both are done.
      const filling = calls === 0 ? 0 : Math.ceil((wantedRows * calls) / rowsOfCalls) + seats.length;
      wanted = Math.min(filling, MOST_CALLS_PER_PROCESS * seats.length);
      return wanted;
    },
    decidedRows() {
      const inFlight = seats.flatMap(({ groups }) => groups).flatMap(({ verdicts }) => verdicts);
      return rows.decided() + inFlight.filter((verdict) => verdict !== undefined).length;
    },
    connect(submit) {
      const seat: Seat = {
        ...{ isOpen: false, groups: [], submit },
        ...{ groupRows: FIRST_GROUP_ROWS, groupStartedAt: 0, lastGroupMs: Number.POSITIVE_INFINITY },
      };
      seats.push(seat);
      return {
        open() {
          seat.isOpen = true;
          feed();
        },
        shut() {
          seat.isOpen = false;
        },
        has: (groupId) => seat.groups.some(({ id }) => id === groupId),
        rowsInWork: () => seat.groups[0]?.tickets.length ?? 0,
        answer(groupId, verdicts) {
          const group = seat.groups.find(({ id }) => id === groupId);
          if (group !== undefined) note(group, verdicts);
        },
        done(groupId) {
          const group = takeGroup(seat, groupId);
          if (group === undefined) return;
          const now = performance.now();
          seat.lastGroupMs = now - seat.groupStartedAt;
          seat.groupRows = nextGroupRows(seat.groupRows, group.tickets.length, seat.lastGroupMs);
          seat.groupStartedAt = now;
          settle(group, group.hasBadAnswer ? BAD_ANSWER : NO_ANSWER);
          feed();
        },
        failed(groupId, fault) {
          const group = takeGroup(seat, groupId);
          if (group === undefined) return;
          settle(group, fault);
          feed();
        },
        lost(fault) {
          seat.isOpen = false;
          const [started, ...behind] = seat.groups.splice(0);
          for (const group of behind) putBack(group);
          if (started !== undefined) settle(started, fault);
          feed();
        },
      };
    },
    abandon(error) {
      abandoned ??= error;
      const inFlight = seats.flatMap(({ groups }) => groups.splice(0)).flatMap(({ tickets }) => tickets);
      rows.abandon([...inFlight, ...suspects.splice(0).flat()], error);
    },
  };
}

const BAD_ANSWER = {
  code: 'engine_bad_answer',
  message: 'The engine process gave an answer that cannot be stored.',
};
const NO_ANSWER = { code: 'engine_no_answer', message: 'The engine process left this row out.' };

/** The first answer to a row counts: a second one would be a fault of the engine. */
function note(group: Group, verdicts: GroupVerdicts): void {
  for (const [at, index] of verdicts.indexes.entries()) {
    const ticket = group.tickets[index];
    if (ticket === undefined || group.verdicts[index] !== undefined) continue;
    const verdict = verdictAt(verdicts, at, ticket.row);
    group.verdicts[index] = verdict;
    if (verdict === undefined) group.hasBadAnswer = true;
  }
}

/** How many rows the next group gets, after one of `rows` rows took `ms`: at most a doubling or a halving away. */
export function nextGroupRows(groupRows: number, rows: number, ms: number): number {
  // So few rows say more about the one that took longest than about the speed.
  if (rows < MIN_GROUP_ROWS) return groupRows;
  const wanted = Math.round((GROUP_TARGET_MS / Math.max(ms, 1)) * rows);
  const stepped = Math.min(Math.max(wanted, groupRows / 2), groupRows * 2);
  return Math.round(Math.min(Math.max(stepped, MIN_GROUP_ROWS), MAX_GROUP_ROWS));
}
