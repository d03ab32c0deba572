import { describe, expect, it } from 'vitest';
import { formatTable } from '../../../src/cli/terminal/table.ts';
import { displayWidth } from '../../../src/cli/terminal/text-width.ts';

const widest = (table: string): number => Math.max(...table.split('\n').map(displayWidth));

describe('a table on a terminal', () => {
  const rows = [
    ['You are a complete idiot and everyone knows it.', 'You are wrong and everyone knows it.', 0.9812, 12],
    ['日本語のとても長い文章がここにあります。もっと長くします。', null, 0.013, 1_234_567],
  ];
  const names = ['text', 'detoxified', 'toxicity before', 'tokens'];

  it.each([60, 80, 120, 200])('is no wider than %i columns, and numbers keep their digits', (width) => {
    const table = formatTable(names, rows, { width });
    expect(widest(table)).toBeLessThanOrEqual(width);
    expect(table).toContain('0.9812');
    expect(table).toContain('1234567');
  });

  it('squeezes the widest text first, and breaks names at their spaces', () => {
    const table = formatTable(['run', 'chunks waiting', 'text'], [['r7k2m9qd', 12, 'x'.repeat(100)]], { width: 40 });
    expect(table.split('\n')).toEqual([
      'run        chunks  text',
      '          waiting',
      '────────  ───────  ─────────────────────',
      `r7k2m9qd       12  ${'x'.repeat(20)}…`,
    ]);
  });

  it('breaks long cells into lines where nothing may be lost', () => {
    const table = formatTable(['name', 'class'], [['nano-bart', 'BartForConditionalGeneration']], {
      width: 30,
      overflow: 'wrap',
    });
    expect(table.split('\n').slice(2)).toEqual(['nano-bart  BartForConditional', '           Generation']);
  });

  it('puts values below each other where columns could not be read', () => {
    const many = Array.from({ length: 12 }, (_, n) => `column ${n}`);
    const table = formatTable(many, [many.map((_, n) => `value number ${n}`)], { width: 40 });
    expect(widest(table)).toBeLessThanOrEqual(40);
    expect(table.split('\n').slice(0, 3)).toEqual([
      `── 1 ${'─'.repeat(35)}`,
      'column 0   value number 0',
      'column 1   value number 1',
    ]);
  });

  it('takes its time for no cell of a megabyte', () => {
    const table = formatTable(['text'], [['\n'.repeat(1_000_000)]], { width: 80 });
    expect(widest(table)).toBe(80);
  });

  it('has its full width where there is no terminal', () => {
    const table = formatTable(names, rows);
    expect(table).toContain('You are a complete idiot and everyone knows it.');
    expect(table.split('\n')[0]).toMatch(/^text +detoxified +toxicity before +tokens$/);
  });

  it('has colours where it may', () => {
    expect(formatTable(['a'], [[1]], { colors: true })).toContain('\x1b[1ma\x1b[22m');
    expect(formatTable(['a'], [[1]])).not.toContain('\x1b');
  });
});
