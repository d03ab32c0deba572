import { describe, expect, it } from 'vitest';
import { firstWord } from '../../../src/cli/first-word.ts';
import { barLine } from '../../../src/cli/terminal/progress.ts';
import { createTerminal } from '../../../src/cli/terminal/terminal.ts';
import { clip, displayWidth } from '../../../src/cli/terminal/text-width.ts';
import { readConfig, terminalConfig } from '../../../src/config.ts';
import { createFakeScreen } from '../../support/screen.ts';

const PLAIN = { colors: undefined, dumb: false };

describe('the terminal', () => {
  it('puts whatever is written above the bar, by whom ever', () => {
    const { stream, lines } = createFakeScreen(40);
    const terminal = createTerminal(stream, createFakeScreen(40, false).stream, PLAIN);
    terminal.show(() => ['above', 'bar 1']);
    stream.write('a warning\n');
    expect(lines()).toEqual(['a warning', 'above', 'bar 1']);
    terminal.show(() => ['bar 2']);
    stream.write(Buffer.from('another one\n'));
    expect(lines()).toEqual(['a warning', 'another one', 'bar 2']);
    terminal.clear();
    stream.write('the end\n');
    expect(lines()).toEqual(['a warning', 'another one', 'the end', '']);
  });

  it('puts output above the bar where it is the same screen; a step ends with it', () => {
    const { stream, lines } = createFakeScreen(40);
    const output = Object.assign(createFakeScreen(40).stream, { write: stream.write.bind(stream) });
    const terminal = createTerminal(stream, output, PLAIN);
    terminal.step('Reading …');
    stream.write('a notice\n');
    expect(lines()).toEqual(['a notice', 'Reading …']);
    output.write('data\n');
    expect(lines()).toEqual(['a notice', 'data', '']);
    terminal.show(() => ['bar']);
    output.write('more data\n');
    expect(lines()).toEqual(['a notice', 'data', 'more data', 'bar']);
  });

  it('leaves the line of a prompt alone', () => {
    const { stream, lines } = createFakeScreen(40);
    const terminal = createTerminal(stream, stream, PLAIN);
    terminal.step('Starting …');
    stream.write('Delete it? ');
    expect(lines()).toEqual(['Delete it? ']);
  });

  it('draws anew for another width, and takes away what a narrower terminal has broken', () => {
    const screen = createFakeScreen(40);
    const terminal = createTerminal(screen.stream, screen.stream, PLAIN);
    terminal.show((columns) => ['x'.repeat(columns - 1)]);
    screen.stream.write('a line\n');
    screen.resize(60);
    expect(screen.lines()).toEqual(['a line', 'x'.repeat(59)]);
    screen.resize(20);
    // 59 columns take three lines of 20.
    expect(screen.written().endsWith(`\x1b[2A\r\x1b[J${'x'.repeat(19)}`)).toBe(true);
  });

  it('draws nothing where there is no terminal, and no line twice on one that cannot go back', () => {
    const piped = createFakeScreen(80, false);
    const none = createTerminal(piped.stream, piped.stream, PLAIN);
    none.step('Reading …');
    none.show(() => ['bar']);
    expect(none).toMatchObject({ isTerminal: false, redraws: false, colors: false });
    expect(piped.lines()).toEqual(['']);

    const dumb = createFakeScreen(80);
    const terminal = createTerminal(dumb.stream, dumb.stream, { colors: undefined, dumb: true });
    terminal.step('Reading …');
    terminal.step('Reading …');
    terminal.show(() => ['bar']);
    expect(terminal).toMatchObject({ isTerminal: true, redraws: false, colors: false });
    expect(dumb.lines()).toEqual(['Reading …', '']);
  });

  it.each([
    [{}, undefined, false],
    [{ NO_COLOR: '1' }, false, false],
    [{ NO_COLOR: '' }, undefined, false],
    [{ FORCE_COLOR: '1' }, true, false],
    [{ FORCE_COLOR: '0' }, false, false],
    [{ NO_COLOR: '1', FORCE_COLOR: '1' }, false, false],
    [{ TERM: 'dumb' }, undefined, true],
  ])('reads %o', (env, colors, dumb) => {
    expect(terminalConfig(env)).toEqual({ colors, dumb });
  });
});

describe('what fits', () => {
  it('counts the columns that characters take', () => {
    expect(displayWidth('日本、ＡＢ！')).toBe(12);
    expect(displayWidth('👩‍👩‍👧 ok')).toBe(5);
    expect(displayWidth('e\u0301\u200b')).toBe(1);
    expect(clip('日本語テキスト', 7)).toBe('日本語…');
    expect(clip('abc', 0)).toBe('');
  });

  it.each([20, 40, 60, 72, 120])('keeps the bar within %i columns', (columns) => {
    const parts = ['1,234,567 of 10,000,000 rows', '12 %', '1,024 rows/s', '2 h 22 min left', '12 row errors'];
    const line = barLine(0.12, parts, columns, false);
    expect(displayWidth(line)).toBeLessThan(columns);
    expect(line).toContain('1,234,567');
  });
});

describe('the first word', () => {
  const config = (env: Record<string, string>) => readConfig({ DETOXQ_HOME: '.detoxq', ...env });

  it.each([
    [['run', 'a.csv'], {}, 'Starting Postgres and Redis in .detoxq …'],
    [['status'], { DATABASE_URL: 'postgres://u:secret@db.example/x' }, 'Connecting to Postgres and Redis …'],
    [['models', 'compile', 'nano-bart'], {}, 'Compiling checkpoints …'],
    [['models', 'list'], {}, null],
    [['nonsense'], {}, null],
    [[], {}, null],
  ])('of %j is true', (args, env, word) => {
    expect(firstWord(args, config(env))).toBe(word);
  });
});
