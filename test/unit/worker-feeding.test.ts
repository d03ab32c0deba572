import { describe, expect, it } from 'vitest';
import type { EngineSlot } from '../../src/worker/engine-slot.ts';
import { feedSlots } from '../../src/worker/feed-slots.ts';
import { FIRST_GROUP_ROWS, nextGroupRows } from '../../src/worker/group-size.ts';
import { createRowQueue, type RowGroup } from '../../src/worker/row-queue.ts';

/** A slot that keeps what it is sent. */
function keepingSlot(state: ReturnType<EngineSlot['state']> = 'ready', isQuick = false): EngineSlot {
  const inFlight: RowGroup[] = [];
  return {
    state: () => state,
    inFlight,
    groupRows: () => 100,
    isQuick: () => isQuick,
    send: (tickets, suspect) => inFlight.push({ id: inFlight.length, tickets, suspect }),
    close: () => Promise.resolve(),
  };
}

function queueOf(rows: number): ReturnType<typeof createRowQueue> {
  const queue = createRowQueue();
  void queue.add(
    Array.from({ length: rows }, (_, rowNo) => ({ rowNo, rowKey: null, text: `row ${rowNo}`, meta: null })),
  );
  return queue;
}

const sizes = (slots: readonly EngineSlot[]): number[][] =>
  slots.map(({ inFlight }) => inFlight.map(({ tickets }) => tickets.length));

describe('feeding of slots', () => {
  it('gives each idle slot a group', () => {
    const slots = [keepingSlot(), keepingSlot()];
    const queue = queueOf(1000);
    feedSlots(slots, queue, true);
    feedSlots(slots, queue, true);
    expect(sizes(slots)).toEqual([[100], [100]]);
    expect(queue.waiting()).toBe(800);
  });

  it('gives a slot whose groups are done at once one more to wait behind the first', () => {
    const slots = [keepingSlot('ready', true), keepingSlot()];
    const queue = queueOf(1000);
    feedSlots(slots, queue, true);
    feedSlots(slots, queue, true);
    expect(sizes(slots)).toEqual([[100, 100], [100]]);
  });

  it('shares rows that are too few for a whole group each', () => {
    const slots = [keepingSlot(), keepingSlot(), keepingSlot()];
    feedSlots(slots, queueOf(10), true);
    expect(sizes(slots)).toEqual([[4], [3], [3]]);
  });

  it('leaves of the last rows some for slots that are still busy', () => {
    const slots = [keepingSlot(), keepingSlot('ready', true)];
    const queue = queueOf(100);
    slots[1]!.send(queue.take(20), false);
    feedSlots(slots, queue, false);
    expect(sizes(slots)).toEqual([[40], [20]]);
  });

  it('does not make groups of a row or two of them', () => {
    const slots = [keepingSlot(), keepingSlot()];
    const queue = queueOf(40);
    slots[1]!.send(queue.take(20), false);
    feedSlots(slots, queue, false);
    expect(sizes(slots)).toEqual([[16], [20]]);
  });

  it('sends nothing to a slot that starts or retires', () => {
    const slots = [keepingSlot('starting'), keepingSlot('retiring'), keepingSlot()];
    feedSlots(slots, queueOf(50), true);
    expect(sizes(slots)).toEqual([[], [], [50]]);
  });

  it('sends suspects first, and nothing behind them', () => {
    const slot = keepingSlot();
    const queue = queueOf(500);
    const group: RowGroup = { id: 0, tickets: queue.take(8), suspect: false };
    queue.settle(group, { code: 'engine_crashed', message: '' });
    feedSlots([slot], queue, true);
    feedSlots([slot], queue, true);
    expect(slot.inFlight.map(({ suspect, tickets }) => [suspect, tickets.length])).toEqual([[true, 4]]);
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
