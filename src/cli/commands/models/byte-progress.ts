import { formatDuration } from '../../terminal/format.ts';
import { formatBytes } from '../../terminal/inspection.ts';
import { barLine } from '../../terminal/progress.ts';
import { type Terminal, terminal } from '../../terminal/terminal.ts';
import { visible } from '../../terminal/visible.ts';

const PLAIN_LINE_EVERY_MS = 5_000;
const REDRAW_EVERY_MS = 100;

export interface ByteProgress {
  update(label: string, done: number, total: number): void;
  /** Ends the bar's line, so that what follows starts on its own. */
  end(): void;
}

/** A bar that redraws itself on a terminal; elsewhere a line every few seconds. */
export function createByteProgress(screen: Terminal = terminal): ByteProgress {
  const startMs = performance.now();
  let before: number | undefined;
  let lastMs = screen.redraws ? Number.NEGATIVE_INFINITY : startMs;
  return {
    update(label, done, total) {
      const nowMs = performance.now();
      // Bytes of an earlier try do not count for the speed of this one.
      before ??= done;
      if (nowMs - lastMs < (screen.redraws ? REDRAW_EVERY_MS : PLAIN_LINE_EVERY_MS)) return;
      lastMs = nowMs;
      const share = total > 0 ? Math.min(1, done / total) : 0;
      const perMs = (done - before) / (nowMs - startMs);
      const parts = [`${formatBytes(done)} of ${formatBytes(total)}`, `${Math.floor(100 * share)} %`, visible(label)];
      if (perMs > 0 && total > done && nowMs - startMs > 1000) {
        parts.push(`${formatBytes(perMs * 1000)}/s`, `${formatDuration((total - done) / perMs)} left`);
      }
      if (screen.redraws) screen.show((columns) => [barLine(share, parts, columns, screen.colors)]);
      else process.stderr.write(`${parts.join(', ')}\n`);
    },
    end: screen.clear,
  };
}
