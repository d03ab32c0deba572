import { describe, expect, it } from 'vitest';
import type { EngineSlot } from '../../src/worker/engine-slot.ts';
import { feedSlots } from '../../src/worker/feed-slots.ts';
import { FIRST_GROUP_ROWS, nextGroupRows } from '../../src/worker/group-size.ts';
import { createRowQueue, type RowGroup } from '../../src/worker/row-queue.ts';

/** A slot that keeps what it is sent. */
function keepingSlot(state: ReturnType<EngineSlot['state']> = 'ready', groupRows = 100): EngineSlot {
  const inFlight: RowGroup[] = [];
  return {
    state: () => state,
    inFlight,
    groupRows: () => groupRows,
    send: (tickets, suspect) => inFlight.push({ id: inFlight.length, tickets, suspect }),
    close: () => Promise.resolve(),
  };
}

function queueOf(rows: number): ReturnType<typeof createRowQueue> {
  const queue = createRowQueue();
  void queue.add(Array.from({ length: rows }, (_, rowNo) => ({ rowNo, rowKey: null, text: 'a', meta: null })));
  return queue;
}

const sizes = (slots: readonly EngineSlot[]): number[][] =>
  slots.map(({ inFlight }) => inFlight.map(({ tickets }) => tickets.length));

describe('feeding of slots', () => {
  it('gives each idle slot a group, and one more to wait behind it', () => {
    const slots = [keepingSlot(), keepingSlot()];
    const queue = queueOf(1000);
    feedSlots(slots, queue);
    expect(sizes(slots)).toEqual([
      [100, 100],
      [100, 100],
    ]);
    feedSlots(slots, queue);
    expect(queue.waiting()).toBe(600);
  });

  it('shares rows that are too few for a whole group each', () => {
    const slots = [keepingSlot(), keepingSlot(), keepingSlot()];
    feedSlots(slots, queueOf(10));
    expect(sizes(slots)).toEqual([[4], [3], [3]]);
  });

  it('takes little in advance of what is scarce', () => {
    const slots = [keepingSlot(), keepingSlot()];
    feedSlots(slots, queueOf(320));
    expect(sizes(slots)).toEqual([
      [100, 13],
      [100, 13],
    ]);
  });

  it('sends nothing to a slot that starts or retires', () => {
    const slots = [keepingSlot('starting'), keepingSlot('retiring'), keepingSlot()];
    feedSlots(slots, queueOf(50));
    expect(sizes(slots)).toEqual([[], [], [50]]);
  });

  it('sends suspects first, and nothing behind them', () => {
    const slot = keepingSlot();
    const queue = queueOf(500);
    const group: RowGroup = { id: 0, tickets: queue.take(8), suspect: false };
    queue.settle(group, { code: 'engine_crashed', message: '' });
    feedSlots([slot], queue);
    feedSlots([slot], queue);
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
