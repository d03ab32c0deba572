import { stripVTControlCharacters } from 'node:util';
import { type TerminalConfig, terminalConfig } from '../../config.ts';
import { clip, displayWidth } from './text-width.ts';
import { forScreen, visible } from './visible.ts';

/** Lines for this many columns, already short enough; the last one has no line end. */
type Draw = (columns: number) => readonly string[];

/**
 * The terminal on standard error. Its last lines may be live: a progress bar, or a step that takes a while. Any other write
 * to the terminal, also by a library, first removes the live lines and then draws them again below.
 */
export interface Terminal {
  /** Standard error is a terminal. */
  readonly isTerminal: boolean;
  /** Lines can be replaced; not on a dumb terminal. */
  readonly redraws: boolean;
  readonly colors: boolean;
  columns(): number;
  /** Draws live lines in the place of the former ones. Nothing where lines cannot be replaced. */
  show(draw: Draw): void;
  /** Says what is being done, until the next step, bar, or output: a live line, or a plain one on a dumb terminal. */
  step(text: string): void;
  /** Takes the live lines away. */
  clear(): void;
}

const FALLBACK_COLUMNS = 80;

type Screen = NodeJS.WriteStream;

/**
 * @param output standard output: where it is a terminal too, it is the same screen
 */
export function createTerminal(
  screen: Screen = process.stderr,
  output: Screen = process.stdout,
  config: TerminalConfig = terminalConfig(),
): Terminal {
  const isTerminal = screen.isTTY === true;
  const redraws = isTerminal && !config.dumb;
  const columns = (): number => screen.columns || FALLBACK_COLUMNS;
  const original = plainWrite(screen);
  let live: { readonly draw: Draw; readonly isStep: boolean } | null = null;
  let drawn: readonly string[] = [];
  let guarded = false;
  let said = '';

  /** What takes the live lines away: a terminal that became narrower has broken them. */
  const erasing = (): string => {
    const widths = drawn.map((line) => displayWidth(stripVTControlCharacters(line)));
    const rows = widths.reduce((sum, width) => sum + Math.max(1, Math.ceil(width / columns())), 0);
    return rows === 0 ? '' : `${rows > 1 ? `\x1b[${rows - 1}A` : ''}\r\x1b[J`;
  };
  /** Puts `next` in the place of what stands there, in one write: nothing flickers. */
  const replace = (lines: readonly string[]): void => {
    const next = lines.map(forScreen);
    const text = erasing() + next.join('\n');
    drawn = next;
    if (text !== '') original(text);
  };

  const guard = (stream: Screen): void => {
    const write = plainWrite(stream);
    stream.write = (...args: unknown[]): boolean => {
      if (live === null) return write(...args);
      replace([]);
      const [text] = args;
      // What a command gives out ends its step; and a prompt keeps its line.
      if ((live.isStep && stream === output) || !endsLine(text)) live = null;
      const hasRoom = write(...args);
      if (live !== null) replace(live.draw(columns()));
      return hasRoom;
    };
  };
  const guardAll = (): void => {
    if (guarded) return;
    guarded = true;
    guard(screen);
    if (output.isTTY && output !== screen) guard(output);
    // A second signal ends the process at once: live lines are removed then, too.
    process.once('exit', () => {
      live = null;
      replace([]);
    });
    screen.on('resize', () => {
      if (live !== null) replace(live.draw(columns()));
    });
  };

  const show = (draw: Draw, isStep: boolean): void => {
    if (!redraws) return;
    guardAll();
    live = { draw, isStep };
    replace(draw(columns()));
  };

  return {
    isTerminal,
    redraws,
    colors: config.colors ?? redraws,
    columns,
    show: (draw) => show(draw, false),
    step(step) {
      const text = visible(step);
      if (text === said && (live?.isStep || !redraws)) return;
      said = text;
      if (redraws) show((width) => [clip(text, width - 1)], true);
      else if (isTerminal) original(`${text}\n`);
    },
    clear() {
      live = null;
      replace([]);
    },
  };
}

/** The one terminal of this process. */
export const terminal: Terminal = createTerminal();

/** Columns of standard output; undefined where it is not a terminal. */
export function outputColumns(): number | undefined {
  return process.stdout.isTTY ? process.stdout.columns || FALLBACK_COLUMNS : undefined;
}

/** Whether what goes to standard output has colours. */
export function outputColors(): boolean {
  const { colors, dumb } = terminalConfig();
  return colors ?? (process.stdout.isTTY === true && !dumb);
}

function plainWrite(stream: Screen): (...args: unknown[]) => boolean {
  return stream.write.bind(stream) as (...args: unknown[]) => boolean;
}

function endsLine(text: unknown): boolean {
  if (typeof text === 'string') return text === '' || text.endsWith('\n');
  return text instanceof Uint8Array && (text.length === 0 || text.at(-1) === 0x0a);
}
