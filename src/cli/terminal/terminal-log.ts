import { styleText } from 'node:util';
import type { Log } from '../../contract/log.ts';

const LEVELS = ['debug', 'info', 'warn', 'error'] as const;
type Level = (typeof LEVELS)[number];

const STYLES = { debug: 'dim', info: 'cyan', warn: 'yellow', error: 'red' } as const;
/** Of a line that comes again within this time only the number is kept, and said at its end. */
const FOLD_MS = 5_000;
/** What goes on for long is said less and less often. */
const LONGEST_FOLD_MS = 60_000;

export interface TerminalLogOptions {
  /** The least level that is shown: those of pino, and `silent`. */
  readonly level: string;
  /** Takes one line, with its end. */
  readonly write: (line: string) => void;
  readonly colors: boolean;
  /** Makes controls visible: a reason may come from a server. */
  readonly visible: (text: string) => string;
}

export interface TerminalLog extends Log {
  /** Says what is still folded. */
  flush(): void;
}

interface Fold {
  readonly level: Level;
  readonly text: string;
  again: number;
  windowMs: number;
  timer: NodeJS.Timeout;
}

/** A log for a person: `12:03:04 warn  what: why (run r7k2m9qd)`, and a line that repeats folded into a number. */
export function createTerminalLog({ level: least, write, colors, visible }: TerminalLogOptions): TerminalLog {
  const folds = new Map<string, Fold>();
  // `trace` shows everything, `fatal` and `silent` nothing of what detoxq logs.
  const names: readonly string[] = LEVELS;
  const shown = new Set<Level>(
    least === 'trace' ? LEVELS : names.includes(least) ? LEVELS.slice(names.indexOf(least)) : [],
  );

  const paint = (style: (typeof STYLES)[Level], text: string): string =>
    colors ? styleText(style, text, { validateStream: false }) : text;
  const print = (level: Level, text: string, note: string): void => {
    const time = new Date().toTimeString().slice(0, 8);
    write(`${paint('dim', time)} ${paint(STYLES[level], level.padEnd(5))} ${text}${note}\n`);
  };
  const close = (key: string, fold: Fold): void => {
    clearTimeout(fold.timer);
    folds.delete(key);
    if (fold.again > 0) print(fold.level, fold.text, ` (${times(fold.again)})`);
  };
  const open = (key: string, level: Level, text: string, windowMs: number): void => {
    const timer = setTimeout(() => {
      const fold = folds.get(key);
      if (fold === undefined) return;
      close(key, fold);
      if (fold.again > 0) open(key, level, text, Math.min(LONGEST_FOLD_MS, 2 * windowMs));
    }, windowMs);
    timer.unref();
    folds.set(key, { level, text, again: 0, windowMs, timer });
  };

  const say = (level: Level, fields: object, message: string): void => {
    if (!shown.has(level)) return;
    const { reason, details } = split(fields);
    const text = visible(reason === '' ? message : `${message}: ${reason}`);
    const key = `${level} ${text}`;
    const fold = folds.get(key);
    if (fold !== undefined) {
      fold.again += 1;
      return;
    }
    print(level, text, details === '' ? '' : visible(` (${details})`));
    open(key, level, text, FOLD_MS);
  };

  return {
    debug: (fields, message) => say('debug', fields, message),
    info: (fields, message) => say('info', fields, message),
    warn: (fields, message) => say('warn', fields, message),
    error: (fields, message) => say('error', fields, message),
    flush() {
      for (const [key, fold] of folds) close(key, fold);
    },
  };
}

function times(again: number): string {
  return again === 1 ? 'once more' : `${again} more times`;
}

/** The reason is part of what happened; ids and counts stand behind it. */
function split(fields: object): { reason: string; details: string } {
  const entries = Object.entries(fields);
  const reasons = entries.filter(([name]) => name === 'reason' || name === 'error').map(([, value]) => wordsOf(value));
  const details = entries
    .filter(([name, value]) => name !== 'reason' && name !== 'error' && value !== undefined && value !== null)
    // The count is shown only for a fault that was seen before.
    .filter(([name, value]) => !(name === 'seenBefore' && value === 0))
    .map(([name, value]) => `${name.replace(/([a-z])([A-Z])/g, '$1 $2').toLowerCase()} ${wordsOf(value)}`);
  return { reason: reasons.join('; '), details: details.join(', ') };
}

function wordsOf(value: unknown): string {
  if (value instanceof Error) return value.message;
  return typeof value === 'object' ? JSON.stringify(value) : String(value);
}
