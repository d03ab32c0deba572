import type { EngineSlot } from './engine-slot.ts';
import type { RowQueue } from './row-queue.ts';

/** One group in work, one waiting inside the process. */
const GROUPS_IN_FLIGHT = 2;
/** Of the last rows a busy machine takes no fewer at a time: runs of the models would be nearly empty. */
const LEAST_ROWS = 16;

/**
 * Sends what waits to the slots that can take it.
 *
 * @param moreToCome whether rows will follow these; the last ones are shared, so that all slots end together
 */
export function feedSlots(slots: readonly EngineSlot[], queue: RowQueue, moreToCome: boolean): void {
  const open = slots.filter((slot) => slot.state() === 'ready');
  feedIdle(open, queue, moreToCome);
  if (moreToCome) feedAhead(open, queue);
}

function feedIdle(open: readonly EngineSlot[], queue: RowQueue, moreToCome: boolean): void {
  const idle = open.filter(({ inFlight }) => inFlight.length === 0);
  const busy = open.length - idle.length;
  let sharers = idle.length + (moreToCome ? 0 : busy);
  for (const slot of idle) {
    const suspects = queue.takeSuspects();
    const share = Math.max(Math.ceil(queue.waiting() / sharers), busy > 0 ? LEAST_ROWS : 1);
    const tickets = suspects ?? queue.take(Math.min(share, slot.groupRows()));
    if (tickets.length > 0) slot.send(tickets, suspects !== undefined);
    sharers -= 1;
  }
}

/** Where a group is done at once, the next one waits inside the process, so that it does not idle between two. */
function feedAhead(open: readonly EngineSlot[], queue: RowQueue): void {
  for (const slot of open) {
    const { inFlight } = slot;
    const hasRoom = inFlight.length > 0 && inFlight.length < GROUPS_IN_FLIGHT;
    if (!hasRoom || !slot.isQuick() || inFlight.some(({ suspect }) => suspect)) continue;
    if (queue.waiting() >= slot.groupRows() * open.length) slot.send(queue.take(slot.groupRows()), false);
  }
}
