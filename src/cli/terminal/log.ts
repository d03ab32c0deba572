import type { Log } from '../../contract/log.ts';
import { createLog } from './json-log.ts';
import { terminal } from './terminal.ts';
import { createTerminalLog } from './terminal-log.ts';
import { visible } from './visible.ts';

/** Lines for a person on a terminal; elsewhere JSON, for programs. Always on standard error. */
export function openLog(level: string): Log {
  if (!terminal.isTerminal) return createLog(level);
  const log = createTerminalLog({
    level,
    write: (line) => process.stderr.write(line),
    colors: terminal.colors,
    visible,
  });
  process.once('exit', log.flush);
  return log;
}
