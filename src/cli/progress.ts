import type { RunProgress } from '../contract/run.ts';
import { formatCount, formatDuration, formatRate } from './format.ts';

/** Time over which the current rate is measured: long enough to hold several chunks. */
const RATE_WINDOW_MS = 15_000;
const PLAIN_LINE_EVERY_MS = 5_000;
const BAR_WIDTH = 24;

export interface ProgressDisplay {
  update(progress: RunProgress): void;
  /** Ends the bar's line, so that what follows starts on its own. */
  end(): void;
}

interface Sample {
  readonly atMs: number;
  readonly rows: number;
}

/** A bar that redraws itself on a terminal; elsewhere a line every few seconds. Always on stderr. */
export function createProgressDisplay(stream: NodeJS.WriteStream = process.stderr): ProgressDisplay {
  const samples: Sample[] = [];
  let lastPlainMs = 0;
  let drawn = false;
  return {
    update(progress) {
      const atMs = performance.now();
      const settled = progress.rowsDone;
      samples.push({ atMs, rows: settled });
      while (samples.length > 2 && (samples[1]?.atMs ?? atMs) < atMs - RATE_WINDOW_MS) samples.shift();
      if (stream.isTTY) {
        stream.write(`\r\x1b[2K${clipLine(describe(progress, samples, true), stream.columns || 80)}`);
        drawn = true;
      } else if (atMs - lastPlainMs >= PLAIN_LINE_EVERY_MS) {
        lastPlainMs = atMs;
        stream.write(`${describe(progress, samples, false)}\n`);
      }
    },
    end() {
      if (drawn) stream.write('\r\x1b[2K');
      drawn = false;
    },
  };
}

/** Rows/s over the samples, or null before there are two that differ. */
export function rate(samples: readonly Sample[]): number | null {
  const first = samples[0];
  const last = samples.at(-1);
  if (first === undefined || last === undefined || last.atMs - first.atMs < 500 || last.rows === first.rows)
    return null;
  return ((last.rows - first.rows) * 1000) / (last.atMs - first.atMs);
}

function describe(progress: RunProgress, samples: readonly Sample[], bar: boolean): string {
  const settled = progress.rowsDone;
  const known = progress.rowsTotal !== null;
  const total = progress.rowsTotal ?? progress.rowsEnqueued;
  const share = total === 0 ? 0 : settled / total;
  const rowsPerSecond = rate(samples);
  const parts = [
    `${formatCount(settled)} of ${known ? '' : 'at least '}${formatCount(total)} rows`,
    known && total > 0 ? `${Math.floor(100 * share)} %` : 'still reading',
    progress.state === 'paused' ? 'paused' : rowsPerSecond === null ? 'starting' : formatRate(rowsPerSecond),
  ];
  if (rowsPerSecond !== null && known) parts.push(`${formatDuration(((total - settled) / rowsPerSecond) * 1000)} left`);
  if (progress.rowErrors > 0) parts.push(`${formatCount(progress.rowErrors)} row errors`);
  if (!bar) return parts.join(', ');
  const filled = Math.round(BAR_WIDTH * Math.min(1, share));
  return `${'█'.repeat(filled)}${'░'.repeat(BAR_WIDTH - filled)} ${parts.join(' · ')}`;
}

function clipLine(line: string, columns: number): string {
  return line.length < columns ? line : line.slice(0, columns - 1);
}
