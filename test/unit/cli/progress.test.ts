import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import { createProgressDisplay } from '../../../src/cli/terminal/progress.ts';
import { createTerminal } from '../../../src/cli/terminal/terminal.ts';
import type { RunProgress } from '../../../src/contract/run.ts';

/** What is written to a terminal, without its control sequences. */
function fakeScreen() {
  let text = '';
  const stream = Object.assign(Object.create(process.stderr), {
    isTTY: true,
    columns: 120,
    write(chunk: string) {
      text = chunk;
      return true;
    },
    on: () => stream,
  });
  return { screen: createTerminal(stream, stream, { colors: false, dumb: false }), last: () => text };
}

const progress = (rowsDone: number, rowsTotal: number | null = 1_000): RunProgress => ({
  runId: 'r1234567',
  state: 'running',
  rowsEnqueued: 1_000,
  rowsTotal,
  rowsDone,
  rowErrors: 0,
  chunksQueued: 4,
  chunksActive: 0,
  chunksDone: 0,
  outcomes: { clean: 0, detoxified: 0, still_toxic: 0, unchanged: 0, rejected: 0 },
});

beforeEach(() => {
  vi.useFakeTimers({ toFake: ['performance'] });
});
afterEach(() => vi.useRealTimers());

test('time left is not told by a few rows that came at once', () => {
  const { screen, last } = fakeScreen();
  const display = createProgressDisplay(screen);
  display.update(progress(0));
  vi.advanceTimersByTime(250);
  display.update(progress(3));
  vi.advanceTimersByTime(5_000);
  display.update(progress(3));
  expect(last()).toContain('3 of 1,000 rows');
  expect(last()).not.toContain('left');
  vi.advanceTimersByTime(1_000);
  display.update(progress(200));
  expect(last()).toMatch(/32 rows\/s.*25 s left/);
});

test('while the source is read, no total is told', () => {
  const { screen, last } = fakeScreen();
  createProgressDisplay(screen).update(progress(0, null));
  expect(last()).toContain('0 rows · reading, 1,000 so far');
});
