import { describe, expect, it } from 'vitest';
import type { SourceRow } from '../../../src/contract/row.ts';
import { createScheduler, FIRST_GROUP_ROWS, nextGroupRows } from '../../../src/worker/scheduler.ts';
import { connectProcess } from '../../support/scheduled-process.ts';

let serial = 0;
const rowsOf = (count: number): SourceRow[] =>
  Array.from({ length: count }, (_, rowNo) => ({ rowNo, rowKey: null, text: `row ${serial++}`, meta: null }));

/** A scheduler with so many processes, none of them open yet. */
function createProcesses(count: number) {
  const scheduler = createScheduler();
  return { scheduler, engines: Array.from({ length: count }, () => connectProcess(scheduler)) };
}

/** Calls of a full group each, as many as are wanted and more: rows will follow those that wait. */
function fill({ scheduler }: ReturnType<typeof createProcesses>, calls: number): void {
  for (let call = 0; call < calls; call += 1) void scheduler.process(rowsOf(FIRST_GROUP_ROWS));
  expect(scheduler.callsWanted()).toBeLessThan(calls);
}

describe('feeding of engine processes', () => {
  it('gives each idle process a group', () => {
    const processes = createProcesses(2);
    fill(processes, 10);
    for (const { lane } of processes.engines) lane.open();
    expect(processes.engines.map((engine) => engine.sizes())).toEqual([[FIRST_GROUP_ROWS], [FIRST_GROUP_ROWS]]);
  });

  it('gives a process whose groups are done at once one more to wait behind the first', () => {
    const processes = createProcesses(2);
    const [quick, slow] = processes.engines;
    fill(processes, 20);
    quick!.lane.open();
    quick!.answer();
    slow!.lane.open();
    expect(quick!.sizes()).toEqual([2 * FIRST_GROUP_ROWS, 2 * FIRST_GROUP_ROWS]);
    expect(slow!.sizes()).toEqual([FIRST_GROUP_ROWS]);
  });

  it('shares rows that are too few for a whole group each', () => {
    const { scheduler, engines } = createProcesses(3);
    for (const { lane } of engines) lane.open();
    void scheduler.process(rowsOf(10));
    expect(engines.map((engine) => engine.sizes())).toEqual([[4], [3], [3]]);
  });

  it('leaves of the last rows some for processes that are still busy', () => {
    const { scheduler, engines } = createProcesses(2);
    const [idle, busy] = engines;
    busy!.lane.open();
    void scheduler.process(rowsOf(20));
    idle!.lane.open();
    void scheduler.process(rowsOf(80));
    expect([idle!.sizes(), busy!.sizes()]).toEqual([[40], [20]]);
  });

  it('does not make groups of a row or two of them', () => {
    const { scheduler, engines } = createProcesses(2);
    const [idle, busy] = engines;
    busy!.lane.open();
    void scheduler.process(rowsOf(20));
    idle!.lane.open();
    void scheduler.process(rowsOf(20));
    expect([idle!.sizes(), busy!.sizes()]).toEqual([[16], [20]]);
  });

  it('sends nothing to a process that starts or is to be replaced', () => {
    const { scheduler, engines } = createProcesses(3);
    const [, retiring, ready] = engines;
    retiring!.lane.open();
    retiring!.lane.shut();
    ready!.lane.open();
    void scheduler.process(rowsOf(50));
    expect(engines.map((engine) => engine.sizes())).toEqual([[], [], [50]]);
  });

  it('sends suspects first, and nothing behind them', () => {
    const processes = createProcesses(1);
    const [engine] = processes.engines;
    fill(processes, 10);
    engine!.lane.open();
    engine!.answer((at) => at >= 8);
    expect(engine!.sizes()).toEqual([4]);
  });

  it('a group that a dead process had not started waits again, at the front and without suspicion', () => {
    const processes = createProcesses(1);
    const [engine] = processes.engines;
    fill(processes, 20);
    engine!.lane.open();
    engine!.answer();
    const [started, behind] = engine!.texts();
    engine!.lane.lost({ code: 'engine_crashed', message: 'gone' });
    engine!.lane.open();
    const half = started!.length / 2;
    expect(engine!.texts()).toEqual([started!.slice(0, half)]);
    engine!.answer();
    expect(engine!.texts()).toEqual([started!.slice(half)]);
    engine!.answer();
    expect(engine!.texts()[0]!.slice(0, behind!.length)).toEqual(behind);
  });
});

describe('size of a group', () => {
  it('goes towards twenty seconds, by a doubling or a halving at most', () => {
    expect(nextGroupRows(FIRST_GROUP_ROWS, 256, 16_000)).toBe(320);
    expect(nextGroupRows(FIRST_GROUP_ROWS, 256, 1000)).toBe(512);
    expect(nextGroupRows(FIRST_GROUP_ROWS, 256, 60_000)).toBe(128);
  });

  it('stays within its bounds, and learns nothing from a handful of rows', () => {
    expect(nextGroupRows(2048, 2048, 1)).toBe(2048);
    expect(nextGroupRows(16, 16, 60_000)).toBe(16);
    expect(nextGroupRows(512, 15, 60_000)).toBe(512);
  });
});
