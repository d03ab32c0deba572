import type { DetoxqError } from '../contract/errors.ts';
import type { Log } from '../contract/log.ts';

const SAME_FAULT_AGAIN_MS = 30_000;

interface FaultReporter {
  report(error: unknown): void;
  /** From now on, faults only come from connections that are being closed, and are not logged. */
  end(): void;
}

/** Logs faults of a running service. A repeated fault is logged at most every 30 s, with its count. */
export function createFaultReporter(log: Log, translate: (error: unknown) => DetoxqError): FaultReporter {
  const seen = new Map<string, { at: number; suppressed: number }>();
  let ended = false;
  const report = (error: unknown): void => {
    if (ended) return;
    const { message } = translate(error);
    const now = performance.now();
    const last = seen.get(message);
    if (last !== undefined && now - last.at < SAME_FAULT_AGAIN_MS) {
      last.suppressed += 1;
      return;
    }
    seen.set(message, { at: now, suppressed: 0 });
    log.warn({ reason: message, seenBefore: last?.suppressed ?? 0 }, 'the queue has a fault');
  };
  return {
    report,
    end() {
      ended = true;
    },
  };
}
