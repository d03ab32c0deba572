import { Command } from 'commander';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { addRunCommand } from '../../../src/cli/commands/run.ts';
import { fitHelp, fitParagraphs } from '../../../src/cli/help.ts';

function helpOfRun(): string {
  let written = '';
  vi.spyOn(process.stdout, 'write').mockImplementation((text) => {
    written += text;
    return true;
  });
  const program = new Command('detoxq');
  fitHelp(program);
  addRunCommand(program);
  program.commands[0]?.outputHelp();
  vi.restoreAllMocks();
  return written;
}

describe('the help of run', () => {
  const { isTTY, columns } = process.stdout;
  beforeEach(() => vi.stubEnv('NO_COLOR', '1'));
  afterEach(() => {
    vi.unstubAllEnvs();
    Object.assign(process.stdout, { isTTY, columns });
  });

  it.each([80, 100, 120])('fits %i columns, with descriptions below each other', (width) => {
    Object.assign(process.stdout, { isTTY: true, columns: width });
    const lines = helpOfRun().split('\n');
    expect(Math.max(...lines.map((line) => line.length))).toBeLessThanOrEqual(width);
    const at = lines.findIndex((line) => line.includes('--text-column <name>'));
    const column = lines[at]?.indexOf('column that') ?? 0;
    expect(lines[at + 1]?.search(/\S/)).toBe(column);
  });

  it('puts descriptions under their options on a narrow terminal', () => {
    Object.assign(process.stdout, { isTTY: true, columns: 40 });
    const lines = helpOfRun().split('\n');
    const at = lines.findIndex((line) => line.includes('--text-column <name>'));
    expect(lines.slice(at, at + 2)).toEqual(['  --text-column <name>', '      column that holds the text']);
  });

  it('has 80 columns where there is no terminal', () => {
    Object.assign(process.stdout, { isTTY: false, columns: undefined });
    expect(
      Math.max(
        ...helpOfRun()
          .split('\n')
          .map((line) => line.length),
      ),
    ).toBeLessThanOrEqual(80);
  });
});

it('breaks prose and leaves examples as they are', () => {
  const text = `Examples:\n  detoxq run ${'x'.repeat(60)}\n\none two three\nfour five`;
  expect(fitParagraphs(text, 20)).toBe(`Examples:\n  detoxq run ${'x'.repeat(60)}\n\none two three four\nfive`);
});
