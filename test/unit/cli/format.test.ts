import { describe, expect, it } from 'vitest';
import { formatDuration, formatPercent, formatRate } from '../../../src/cli/terminal/format.ts';
import { formatTable } from '../../../src/cli/terminal/table.ts';
import { visible } from '../../../src/cli/terminal/visible.ts';
import { counted, formatCount } from '../../../src/util/format.ts';

describe('format', () => {
  it.each([
    [400, '0.4 s'],
    [9_940, '9.9 s'],
    [42_000, '42 s'],
    [65_000, '1 min 05 s'],
    [3_599_600, '1 h 00 min'],
    [3_725_000, '1 h 02 min'],
  ])('shows %i ms as %s', (ms, text) => {
    expect(formatDuration(ms)).toBe(text);
  });

  it('shows counts, rates and shares', () => {
    expect(formatCount(1_234_567)).toBe('1,234,567');
    expect(formatRate(3.26)).toBe('3.3 rows/s');
    expect(formatRate(1234.5)).toBe('1,235 rows/s');
    expect(formatPercent(1, 3)).toBe('33.3 %');
    expect(formatPercent(0, 0)).toBe('–');
  });

  it('aligns numbers to the right and counts wide characters twice', () => {
    const table = formatTable(
      ['word', 'n'],
      [
        ['日本', 5],
        ['b', 1000],
      ],
    );
    expect(table.split('\n')).toEqual(['word     n', '────  ────', '日本     5', 'b     1000']);
  });

  it('lets no control character of a text reach the terminal', () => {
    expect(visible('a\x1b[31mred\x07\nb')).toBe('a\\x1b[31mred\\x07⏎b');
    const table = formatTable(['text'], [['\x1b]0;title\x07']]);
    expect([...table].some((character) => character < ' ' && character !== '\n')).toBe(false);
  });
});

it('one is singular', () => {
  expect([0, 1, 2, 1_234].map((count) => counted(count, 'row error'))).toEqual([
    '0 row errors',
    '1 row error',
    '2 row errors',
    '1,234 row errors',
  ]);
});
