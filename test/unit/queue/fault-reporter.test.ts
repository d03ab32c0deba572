import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import { ServiceError } from '../../../src/contract/errors.ts';
import { createFaultReporter } from '../../../src/queue/fault-reporter.ts';
import { createTestLog } from '../../support/queues.ts';

beforeEach(() => {
  vi.useFakeTimers();
});
afterEach(() => {
  vi.useRealTimers();
});

test('a fault that repeats is logged now and then, with how often it was seen; another one at once', () => {
  const { log, entries } = createTestLog();
  const { report, end } = createFaultReporter(log, (error) => new ServiceError(`away: ${String(error)}`));
  for (let times = 0; times < 1_000; times += 1) report('one');
  report('two');
  expect(entries.map(({ fields }) => fields)).toEqual([
    { reason: 'away: one', seenBefore: 0 },
    { reason: 'away: two', seenBefore: 0 },
  ]);
  vi.advanceTimersByTime(31_000);
  report('one');
  expect(entries.at(-1)?.fields).toEqual({ reason: 'away: one', seenBefore: 999 });
  end();
  report('three');
  expect(entries).toHaveLength(3);
});
