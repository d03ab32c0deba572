import { stripVTControlCharacters } from 'node:util';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { createTerminalLog } from '../../../src/cli/terminal/terminal-log.ts';
import { visible } from '../../../src/cli/terminal/visible.ts';

function logOf(level: string, colors = false) {
  const lines: string[] = [];
  const log = createTerminalLog({ level, write: (line) => lines.push(line), colors, visible });
  return { log, lines, texts: () => lines.map((line) => line.replace(/^\d\d:\d\d:\d\d /, '').trimEnd()) };
}

describe('the log on a terminal', () => {
  beforeEach(() => {
    vi.useFakeTimers();
  });
  afterEach(() => {
    vi.useRealTimers();
  });

  it('is for people: time, level, what happened and why, then where', () => {
    const { log, lines } = logOf('info');
    log.warn({ runId: 'r7k2m9qd', chunkNo: 3, reason: 'Postgres is away' }, 'results cannot be written yet');
    log.info({ run: 'r1', seenBefore: 0 }, 'ready');
    expect(lines[0]).toMatch(
      /^\d\d:\d\d:\d\d warn {2}results cannot be written yet: Postgres is away \(run id r7k2m9qd, chunk no 3\)\n$/,
    );
    expect(lines[1]).toMatch(/^\d\d:\d\d:\d\d info {2}ready \(run r1\)\n$/);
  });

  it('folds a line that repeats, also between others, whatever its numbers are', () => {
    const { log, texts } = logOf('warn');
    for (let n = 0; n < 7; n += 1) {
      log.warn({ chunkNo: n, reason: 'ECONNREFUSED' }, 'the queue has a fault');
      log.error({ n }, 'another thing');
    }
    expect(texts()).toEqual(['warn  the queue has a fault: ECONNREFUSED (chunk no 0)', 'error another thing (n 0)']);
    vi.advanceTimersByTime(5_000);
    expect(texts().slice(2)).toEqual([
      'warn  the queue has a fault: ECONNREFUSED (6 more times)',
      'error another thing (6 more times)',
    ]);
    log.warn({}, 'another thing');
    log.error({}, 'another thing');
    log.flush();
    expect(texts().slice(4)).toEqual(['warn  another thing', 'error another thing (once more)']);
  });

  it('says a line again that comes after a while', () => {
    const { log, texts } = logOf('warn');
    log.warn({}, 'once');
    vi.advanceTimersByTime(5_000);
    log.warn({}, 'once');
    log.flush();
    expect(texts()).toEqual(['warn  once', 'warn  once']);
  });

  it.each([
    ['trace', 4],
    ['debug', 4],
    ['info', 3],
    ['warn', 2],
    ['error', 1],
    ['silent', 0],
  ])('shows at level %s %i of four levels', (level, count) => {
    const { log, lines } = logOf(level);
    log.debug({}, 'a');
    log.info({}, 'b');
    log.warn({}, 'c');
    log.error({ error: new Error('broken') }, 'd');
    expect(lines).toHaveLength(count);
    if (count > 0) expect(lines.at(-1)).toContain('error d: broken');
  });

  it('colours the level where it may, and lets no control character through', () => {
    const { log, lines } = logOf('warn', true);
    log.warn({ reason: 'a\x1b[31mred\nb' }, 'odd');
    expect(lines[0]).toContain('\x1b[33mwarn ');
    expect(stripVTControlCharacters(lines[0] ?? '')).toContain('warn  odd: a\\x1b[31mred⏎b');
  });
});
