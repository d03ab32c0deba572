import { styleText } from 'node:util';
import type { RunProgress } from '../../contract/run.ts';
import { counted, formatCount } from '../../util/format.ts';
import { formatDuration, formatRate } from './format.ts';
import { type Terminal, terminal } from './terminal.ts';
import { clip, displayWidth } from './text-width.ts';

/** Time over which the current rate is measured: long enough to hold several chunks. */
const RATE_WINDOW_MS = 15_000;
const PLAIN_LINE_EVERY_MS = 5_000;
const BAR_WIDTH = 24;
const NARROW_BAR_WIDTH = 8;

export interface ProgressDisplay {
  /** @param above lines that stand over the bar on a terminal, short enough for so many columns */
  update(progress: RunProgress, above?: (columns: number) => readonly string[]): void;
  /** Ends the bar's line, so that what follows starts on its own. */
  end(): void;
}

interface Sample {
  readonly atMs: number;
  readonly rows: number;
}

/** A bar that redraws itself on a terminal; elsewhere a line every few seconds. Always on stderr. */
export function createProgressDisplay(screen: Terminal = terminal): ProgressDisplay {
  const samples: Sample[] = [];
  let lastPlainMs = 0;
  return {
    update(progress, above = () => []) {
      const atMs = performance.now();
      samples.push({ atMs, rows: progress.rowsDone });
      while (samples.length > 2 && (samples[1]?.atMs ?? atMs) < atMs - RATE_WINDOW_MS) samples.shift();
      if (screen.redraws) {
        const { share, parts } = describe(progress, samples);
        screen.show((columns) => [...above(columns), barLine(share, parts, columns, screen.colors)]);
      } else if (atMs - lastPlainMs >= PLAIN_LINE_EVERY_MS) {
        lastPlainMs = atMs;
        process.stderr.write(`${describe(progress, samples).parts.join(', ')}\n`);
      }
    },
    end: screen.clear,
  };
}

/** A bar with what it stands for, no wider than the terminal; the bar itself goes first. */
export function barLine(share: number, parts: readonly string[], columns: number, colors: boolean): string {
  const whole = parts.join(' · ');
  // What it stands for needs its room more than the bar.
  const room = Math.min(BAR_WIDTH, columns - 2 - displayWidth(whole));
  const width = room >= NARROW_BAR_WIDTH ? room : 0;
  const filled = Math.round(width * Math.min(1, Math.max(0, share)));
  const text = clip(whole, columns - 1 - (width === 0 ? 0 : width + 1));
  if (width === 0) return text;
  const done = '█'.repeat(filled);
  return `${colors && filled > 0 ? styleText('green', done, { validateStream: false }) : done}${'░'.repeat(width - filled)} ${text}`;
}

/** Fewer rows than this say little about the others: blank ones take no time, a first batch takes the longest. */
const LEAST_ROWS = 20;
const LEAST_SHARE = 0.01;

/** Rows/s over the samples, or null before there are two that differ. */
export function rate(samples: readonly Sample[]): number | null {
  const first = samples[0];
  const last = samples.at(-1);
  if (first === undefined || last === undefined || last.atMs - first.atMs < 500 || last.rows === first.rows)
    return null;
  return ((last.rows - first.rows) * 1000) / (last.atMs - first.atMs);
}

function saysEnough(samples: readonly Sample[], total: number): boolean {
  const [first, last] = [samples[0], samples.at(-1)];
  if (first === undefined || last === undefined) return false;
  const rows = last.rows - first.rows;
  return rows >= Math.max(LEAST_ROWS, LEAST_SHARE * total) || last.atMs - first.atMs >= RATE_WINDOW_MS;
}

function describe(progress: RunProgress, samples: readonly Sample[]): { share: number; parts: string[] } {
  const { rowsDone, rowErrors, state } = progress;
  const known = progress.rowsTotal !== null;
  const total = progress.rowsTotal ?? progress.rowsEnqueued;
  const share = total === 0 ? 0 : rowsDone / total;
  const rowsPerSecond = saysEnough(samples, total) ? rate(samples) : null;
  const parts = [
    known ? `${formatCount(rowsDone)} of ${formatCount(total)} rows` : counted(rowsDone, 'row'),
    known && total > 0 ? `${Math.floor(100 * share)} %` : `reading, ${formatCount(total)} so far`,
    state === 'paused' ? 'paused' : rowsPerSecond === null ? 'starting' : formatRate(rowsPerSecond),
  ];
  if (rowsPerSecond !== null && known) {
    parts.push(`${formatDuration(((total - rowsDone) / rowsPerSecond) * 1000)} left`);
  }
  if (rowErrors > 0) parts.push(counted(rowErrors, 'row error'));
  return { share, parts };
}
