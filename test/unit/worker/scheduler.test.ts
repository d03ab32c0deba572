import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { JsonObject, SourceRow } from '../../../src/contract/row.ts';
import { createScheduler } from '../../../src/worker/scheduler.ts';
import { verdictOf } from '../../support/fake-verdict.ts';
import { connectProcess } from '../../support/scheduled-process.ts';

const NO_ANSWER = {
  ...{ stage: 'engine', code: 'engine_no_answer', message: 'The engine process left this row out.' },
};

const rowOf = (rowNo: number, text: string, meta: JsonObject | null = null): SourceRow => ({
  ...{ rowNo, rowKey: `key ${rowNo}`, text, meta },
});

function open() {
  const scheduler = createScheduler();
  const engine = connectProcess(scheduler);
  engine.lane.open();
  return { scheduler, engine };
}

describe('the scheduler', () => {
  it('lets rows of one text follow the first, over calls, and gives each a result of its own', async () => {
    const { scheduler, engine } = open();
    const rows = [rowOf(0, 'toxic'), rowOf(1, 'b', { n: 1 }), rowOf(2, 'toxic')];
    const first = scheduler.process(rows);
    expect(engine.texts()).toEqual([['toxic', 'b']]);
    // The first ones are in flight.
    const second = scheduler.process([rowOf(0, 'b', { n: 2 }), rowOf(1, 'c')]);
    engine.answer();
    expect(await first).toEqual(rows.map(verdictOf));
    expect(engine.texts()).toEqual([['c']]);
    const third = await scheduler.process([rowOf(7, 'b', { n: 3 }), rowOf(8, 'toxic')]);
    expect(third).toEqual([verdictOf(rowOf(7, 'b', { n: 3 })), verdictOf(rowOf(8, 'toxic'))]);
    expect(engine.texts()).toEqual([['c']]);
    await expect(Promise.race([second, 'still open'])).resolves.toBe('still open');
  });

  it('does not give a note about one row to rows that have other columns: they go the way together', async () => {
    const { scheduler, engine } = open();
    const done = scheduler.process([rowOf(0, 'a'), rowOf(1, 'a', { n: 1 }), rowOf(2, 'a'), rowOf(3, 'a', { n: 3 })]);
    engine.answer(undefined, (row) => ({ ...verdictOf(row), meta: { detoxq: 'note' } }));
    expect(engine.groups().map((rows) => rows.map(({ rowNo }) => rowNo))).toEqual([[1, 3]]);
    engine.answer();
    expect((await done).map((verdict) => ('meta' in verdict ? verdict.meta : 'fault'))).toEqual([
      { detoxq: 'note' },
      { n: 1 },
      { detoxq: 'note' },
      { n: 3 },
    ]);
  });

  it('a fault is that of one row: others of the same text go the way themselves, all at once', async () => {
    const { scheduler, engine } = open();
    const done = scheduler.process([rowOf(0, 'a'), rowOf(1, 'a'), rowOf(2, 'a')]);
    engine.answer(() => false);
    expect(engine.groups().map((rows) => rows.map(({ rowNo }) => rowNo))).toEqual([[0]]);
    engine.answer(() => false);
    expect(engine.groups().map((rows) => rows.map(({ rowNo }) => rowNo))).toEqual([[1, 2]]);
    engine.answer();
    expect((await done).map((verdict) => 'fault' in verdict)).toEqual([true, false, false]);
  });

  it('halves a group until the rows at fault are alone, and gives up a row that is at fault twice', async () => {
    const { scheduler, engine } = open();
    const done = scheduler.process(Array.from({ length: 8 }, (_, at) => rowOf(at, `row ${at}`)));
    const tried: number[][] = [];
    for (let [group] = engine.groups(); group !== undefined; [group] = engine.groups()) {
      tried.push(group.map(({ rowNo }) => rowNo));
      if (group.some(({ rowNo }) => rowNo === 5)) {
        engine.lane.lost({ code: 'engine_crashed', message: 'gone' });
        engine.lane.open();
      } else engine.answer();
    }
    expect(tried).toEqual([[0, 1, 2, 3, 4, 5, 6, 7], [0, 1, 2, 3], [4, 5, 6, 7], [4, 5], [6, 7], [4], [5], [5]]);
    const fault = { rowNo: 5, rowKey: 'key 5', fault: { stage: 'engine', code: 'engine_crashed', message: 'gone' } };
    expect((await done).filter((verdict) => 'fault' in verdict)).toEqual([fault]);
  });

  it('keeps the answers of a group that breaks off', async () => {
    const { scheduler, engine } = open();
    const done = scheduler.process([rowOf(0, 'a'), rowOf(1, 'b'), rowOf(2, 'c')]);
    engine.answer((at) => at !== 1);
    expect(engine.texts()).toEqual([['b']]);
    engine.answer();
    expect(await done).toEqual([verdictOf(rowOf(0, 'a')), verdictOf(rowOf(1, 'b')), verdictOf(rowOf(2, 'c'))]);
  });

  it('a call whose rows only follow is rejected with the row that they follow, and so is every later call', async () => {
    const { scheduler, engine } = open();
    const calls = [scheduler.process([rowOf(0, 'a')]), scheduler.process([rowOf(0, 'a')])];
    expect(engine.texts()).toEqual([['a']]);
    scheduler.abandon(new Error('closed'));
    expect(engine.texts()).toEqual([]);
    calls.push(scheduler.process([rowOf(0, 'a')]));
    expect((await Promise.allSettled(calls)).map(({ status }) => status)).toEqual(['rejected', 'rejected', 'rejected']);
  });

  it('counts the rows that have a verdict, of calls that are open', async () => {
    const { scheduler, engine } = open();
    const done = scheduler.process(Array.from({ length: 4 }, (_, at) => rowOf(at, `row ${at}`)));
    expect(scheduler.decidedRows()).toBe(0);
    engine.answer((at) => at < 3);
    expect(scheduler.decidedRows()).toBe(3);
    engine.answer();
    await done;
    expect(scheduler.decidedRows()).toBe(0);
  });

  it('answers every row of every call once, whatever comes in between', async () => {
    const texts = fc.array(fc.constantFrom('a', 'b', 'toxic c', 'd', 'e'), { maxLength: 12 });
    const step = fc.record({ texts, process: fc.nat({ max: 1 }), answered: fc.integer({ min: 0, max: 3 }) });
    await fc.assert(
      fc.asyncProperty(fc.array(step, { maxLength: 12 }), async (steps) => {
        const scheduler = createScheduler();
        const engines = [connectProcess(scheduler), connectProcess(scheduler)];
        for (const { lane } of engines) lane.open();
        const calls: { rows: SourceRow[]; done: Promise<unknown[]> }[] = [];
        for (const { texts, process, answered } of steps) {
          const rows = texts.map((text, rowNo) => rowOf(rowNo, text, rowNo % 3 === 0 ? { rowNo } : null));
          calls.push({ rows, done: scheduler.process(rows) });
          engines[process]!.answer((at) => at % 4 <= answered);
        }
        while (engines.map((engine) => engine.answer((at) => at % 4 <= 2)).includes(true));
        for (const { rows, done } of calls) {
          const verdicts = await done;
          expect(verdicts).toHaveLength(rows.length);
          rows.forEach((row, at) => {
            const { rowNo, rowKey } = row;
            expect([verdictOf(row), { rowNo, rowKey, fault: NO_ANSWER }]).toContainEqual(verdicts[at]);
          });
        }
      }),
    );
  });
});
