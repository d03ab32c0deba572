/** What queue and store cost per row, without inference. */
import { count, table } from './markdown.ts';
import type { WayResult } from './results.ts';
import { taken } from './taken.ts';

export function waySection(way: WayResult): string {
  const { producerQueueWorker, engines, postgres, redis } = way.cpuMicrosPerRow;
  const sum = producerQueueWorker + engines + postgres + redis;
  const rows = [
    ['producer, queue and worker (one process)', producerQueueWorker],
    [`engine processes (${way.processes}), which answer at once`, engines],
    ['Postgres', postgres],
    ['Redis', redis],
    ['together', sum],
  ] as const;
  return `### The path of a row without inference

\`npm run bench -- way\`: from rows in memory to results, with engine processes that answer at once, ${count(way.rows)} rows of about 120 characters, a fifth of them
rewritten, producer and worker in one process (${taken(way)}): ${way.seconds.toFixed(1)} s, ${count(Math.round(way.rowsPerSecond))} rows/s, enqueued at
${count(Math.round(way.rowsEnqueuedPerSecond))} rows/s; ${way.walBytesPerRow.toFixed(0)} bytes per row in the log of Postgres; at most
${count(Math.round(way.peakMb))} MB in the process.

${table(
  ['', 'µs of CPU time per row'],
  rows.map(([part, micros]) => [part, micros.toFixed(1)]),
)}
`;
}
