import { spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';
import { onTestFinished } from 'vitest';
import { cliEnvironment, ROOT } from './cli.ts';
import { shownLines } from './screen.ts';

const MAIN = fileURLToPath(new URL('../../src/cli/main.ts', import.meta.url));

/** `script` of util-linux gives a command a terminal. */
export const HAS_TERMINAL = spawnSync('script', ['--version']).stdout?.includes('util-linux') ?? false;

export interface TerminalRun {
  /** Everything that was sent to the terminal so far. */
  sent(): string;
  /** What a person sees now. */
  lines(): string[];
  type(keys: string): void;
  matches(pattern: RegExp): Promise<RegExpExecArray>;
  readonly ended: Promise<number | null>;
}

/** Starts detoxq on a terminal of so many columns. */
export function startOnTerminal(
  args: readonly string[],
  env: Readonly<Record<string, string>>,
  columns = 80,
): TerminalRun {
  const quoted = [process.execPath, MAIN, ...args].map((part) => `'${part.replaceAll("'", "'\\''")}'`).join(' ');
  const command = `stty cols ${columns} rows 24; exec ${quoted}`;
  const child = spawn('script', ['--quiet', '--return', '--flush', '--command', command, '/dev/null'], {
    cwd: ROOT,
    env: { ...cliEnvironment(env), TERM: 'xterm', SHELL: '/bin/sh' },
    stdio: ['pipe', 'pipe', 'inherit'],
  });
  onTestFinished(() => {
    child.kill('SIGKILL');
  });
  child.setMaxListeners(0);
  let sent = '';
  child.stdout.setEncoding('utf8').on('data', (text: string) => {
    sent += text;
    child.emit('said');
  });
  const ended = once(child, 'close').then(([code]: (number | null)[]) => {
    child.emit('said');
    return code ?? null;
  });
  return {
    sent: () => sent,
    lines: () => shownLines(sent).map((line) => line.trimEnd()),
    type: (keys) => child.stdin.write(keys),
    async matches(pattern) {
      for (;;) {
        const match = pattern.exec(sent);
        if (match !== null) return match;
        if (child.exitCode !== null) throw new Error(`${args.join(' ')} ended without showing ${pattern}: ${sent}`);
        await once(child, 'said');
      }
    },
    ended,
  };
}
