import { formatDuration } from './format.ts';
import { formatBytes } from './print-inspection.ts';

const PLAIN_LINE_EVERY_MS = 5_000;
const REDRAW_EVERY_MS = 100;
const BAR_WIDTH = 24;

export interface ByteProgress {
  update(label: string, done: number, total: number): void;
  /** Ends the bar's line, so that what follows starts on its own. */
  end(): void;
}

/** A bar that redraws itself on a terminal; elsewhere a line every few seconds. */
export function createByteProgress(stream: NodeJS.WriteStream = process.stderr): ByteProgress {
  const startMs = performance.now();
  let before: number | undefined;
  let lastMs = stream.isTTY ? Number.NEGATIVE_INFINITY : startMs;
  let drawn = false;
  return {
    update(label, done, total) {
      const nowMs = performance.now();
      // What was there from an earlier try says nothing about the speed of this one.
      before ??= done;
      if (nowMs - lastMs < (stream.isTTY ? REDRAW_EVERY_MS : PLAIN_LINE_EVERY_MS)) return;
      lastMs = nowMs;
      const share = total > 0 ? Math.min(1, done / total) : 0;
      const perMs = (done - before) / (nowMs - startMs);
      const parts = [`${formatBytes(done)} of ${formatBytes(total)}`, `${Math.floor(100 * share)} %`, label];
      if (perMs > 0 && total > done && nowMs - startMs > 1000) {
        parts.push(`${formatBytes(perMs * 1000)}/s`, `${formatDuration((total - done) / perMs)} left`);
      }
      if (!stream.isTTY) {
        stream.write(`${parts.join(', ')}\n`);
        return;
      }
      const filled = Math.round(BAR_WIDTH * share);
      const line = `${'█'.repeat(filled)}${'░'.repeat(BAR_WIDTH - filled)} ${parts.join(' · ')}`;
      stream.write(`\r\x1b[2K${line.slice(0, (stream.columns || 80) - 1)}`);
      drawn = true;
    },
    end() {
      if (drawn) stream.write('\r\x1b[2K');
      drawn = false;
    },
  };
}
