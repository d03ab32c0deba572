import type { EngineSlot } from './engine-slot.ts';
import type { RowQueue } from './row-queue.ts';

/** One group in work, one waiting inside the process, so that it does not idle between two. */
const GROUPS_IN_FLIGHT = 2;
/** About a second's work. */
const SCARCE_SHARE = 8;

/** Sends what waits to the slots that can take it. */
export function feedSlots(slots: readonly EngineSlot[], queue: RowQueue): void {
  const open = slots.filter((slot) => slot.state() === 'ready');
  feedIdle(open, queue);
  feedAhead(open, queue);
}

/** A slot with nothing in flight gets its share of what waits; what is then left is shared by fewer. */
function feedIdle(open: readonly EngineSlot[], queue: RowQueue): void {
  let sharers = open.length;
  for (const slot of open.filter(({ inFlight }) => inFlight.length === 0)) {
    const suspects = queue.takeSuspects();
    const tickets = suspects ?? queue.take(Math.min(Math.ceil(queue.waiting() / sharers), slot.groupRows()));
    if (tickets.length > 0) slot.send(tickets, suspects !== undefined);
    sharers -= 1;
  }
}

/** Where too few rows wait for a whole group each, little is taken in advance: else the last rows would be shared badly. */
function feedAhead(open: readonly EngineSlot[], queue: RowQueue): void {
  for (const slot of open) {
    const { inFlight } = slot;
    if (inFlight.length === 0 || inFlight.length >= GROUPS_IN_FLIGHT || inFlight.some(({ suspect }) => suspect))
      continue;
    const groupRows = slot.groupRows();
    const isScarce = queue.waiting() < groupRows * open.length;
    const tickets = queue.take(isScarce ? Math.ceil(groupRows / SCARCE_SHARE) : groupRows);
    if (tickets.length > 0) slot.send(tickets, false);
  }
}
