import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { JsonObject, SourceRow } from '../../src/contract/row.ts';
import { createRowQueue, type RowTicket } from '../../src/worker/row-queue.ts';
import { verdictOf } from '../support/fake-verdict.ts';

const FAULT = { code: 'engine_no_answer', message: 'no answer' };

const rowOf = (rowNo: number, text: string, meta: JsonObject | null = null): SourceRow => ({
  ...{ rowNo, rowKey: `key ${rowNo}`, text, meta },
});

/** As an engine process does it: its verdict on each row, or on those that `answers` says. */
function settle(
  queue: ReturnType<typeof createRowQueue>,
  tickets: readonly RowTicket[],
  answers: (ticket: RowTicket) => boolean = () => true,
): void {
  for (const ticket of tickets) if (answers(ticket)) ticket.verdict = verdictOf(ticket.row);
  queue.settle({ id: 0, tickets, suspect: false }, FAULT);
}

const textsOf = (tickets: readonly RowTicket[]): string[] => tickets.map(({ row }) => row.text);

describe('row queue', () => {
  it('lets rows of one text follow the first, over calls, and gives each a result of its own', async () => {
    const queue = createRowQueue();
    const rows = [rowOf(0, 'toxic'), rowOf(1, 'b', { n: 1 }), rowOf(2, 'toxic')];
    const first = queue.add(rows);
    const tickets = queue.take(10);
    expect(textsOf(tickets)).toEqual(['toxic', 'b']);
    // The first ones are in flight.
    const later = [rowOf(0, 'b', { n: 2 }), rowOf(1, 'c')];
    const second = queue.add(later);
    expect(textsOf(queue.take(10))).toEqual(['c']);
    settle(queue, tickets);
    expect(await first).toEqual(rows.map(verdictOf));
    const third = await queue.add([rowOf(7, 'b', { n: 3 }), rowOf(8, 'toxic')]);
    expect(third).toEqual([verdictOf(rowOf(7, 'b', { n: 3 })), verdictOf(rowOf(8, 'toxic'))]);
    expect(queue.waiting()).toBe(0);
    await expect(Promise.race([second, 'still open'])).resolves.toBe('still open');
  });

  it('does not give a note about one row to rows that have other columns: they go the way together', async () => {
    const queue = createRowQueue();
    const done = queue.add([rowOf(0, 'a'), rowOf(1, 'a', { n: 1 }), rowOf(2, 'a'), rowOf(3, 'a', { n: 3 })]);
    const [leader] = queue.take(10);
    leader!.verdict = { ...verdictOf(leader!.row), meta: { detoxq: 'note' } };
    queue.settle({ id: 0, tickets: [leader!], suspect: false }, FAULT);
    const again = queue.take(10);
    expect(again.map(({ row }) => row.rowNo)).toEqual([1, 3]);
    settle(queue, again);
    expect((await done).map((verdict) => ('meta' in verdict ? verdict.meta : 'fault'))).toEqual([
      { detoxq: 'note' },
      { n: 1 },
      { detoxq: 'note' },
      { n: 3 },
    ]);
  });

  it('a fault is that of one row: others of the same text go the way themselves, all at once', async () => {
    const queue = createRowQueue();
    const done = queue.add([rowOf(0, 'a'), rowOf(1, 'a'), rowOf(2, 'a')]);
    settle(queue, queue.take(10), () => false);
    expect(queue.waiting()).toBe(0);
    settle(queue, queue.takeSuspects() ?? [], () => false);
    const next = queue.take(10);
    expect(next.map(({ row }) => row.rowNo)).toEqual([1, 2]);
    settle(queue, next);
    expect((await done).map((verdict) => 'fault' in verdict)).toEqual([true, false, false]);
  });

  it('a call whose rows only follow is rejected with the row that they follow', async () => {
    const queue = createRowQueue();
    const first = queue.add([rowOf(0, 'a')]);
    const second = queue.add([rowOf(0, 'a')]);
    const outcomes = Promise.allSettled([first, second]);
    queue.abandon([{ id: 0, tickets: queue.take(1), suspect: false }], new Error('closed'));
    expect((await outcomes).map(({ status }) => status)).toEqual(['rejected', 'rejected']);
    void queue.add([rowOf(0, 'a')]);
    expect(queue.waiting()).toBe(1);
  });

  it('answers every row of every call once, whatever comes in between', async () => {
    const texts = fc.array(fc.constantFrom('a', 'b', 'toxic c', 'd', 'e'), { maxLength: 12 });
    const step = fc.record({ texts, take: fc.integer({ min: 1, max: 5 }), answered: fc.integer({ min: 0, max: 3 }) });
    await fc.assert(
      fc.asyncProperty(fc.array(step, { maxLength: 12 }), async (steps) => {
        const queue = createRowQueue();
        const calls: { rows: SourceRow[]; done: Promise<unknown[]> }[] = [];
        const work = (take: number, answered: number): boolean => {
          const tickets = queue.takeSuspects() ?? queue.take(take);
          settle(queue, tickets, ({ index }) => index % 4 <= answered);
          return tickets.length > 0;
        };
        for (const { texts, take, answered } of steps) {
          const rows = texts.map((text, rowNo) => rowOf(rowNo, text, rowNo % 3 === 0 ? { rowNo } : null));
          calls.push({ rows, done: queue.add(rows) });
          work(take, answered);
        }
        while (work(5, 2));
        for (const { rows, done } of calls) {
          const verdicts = await done;
          expect(verdicts).toHaveLength(rows.length);
          rows.forEach((row, at) => {
            expect([
              verdictOf(row),
              { rowNo: row.rowNo, rowKey: row.rowKey, fault: { stage: 'engine', ...FAULT } },
            ]).toContainEqual(verdicts[at]);
          });
        }
      }),
    );
  });
});
