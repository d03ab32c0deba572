/** A wall clock that can be set: import it before anything that tells the time. Monotonic clocks and timers stay right. */
const RealDate = Date;
let offsetMs = 0;

class SettableDate extends RealDate {
  constructor(...given: [] | [string | number | Date]) {
    if (given.length === 0) super(RealDate.now() + offsetMs);
    else super(...given);
  }
  static override now(): number {
    return RealDate.now() + offsetMs;
  }
}
globalThis.Date = SettableDate as DateConstructor;

export function setClock(offset: number): void {
  offsetMs = offset;
}
