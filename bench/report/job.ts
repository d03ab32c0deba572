/** The whole job against a script. */
import { median, range } from '../peers/statistics.ts';
import { cores, count, table } from './markdown.ts';
import type { Bar } from './plot-ratios.ts';
import type { JobResult } from './results.ts';
import { taken } from './taken.ts';

export function jobSection(job: JobResult): string {
  const columns = [
    ...['', 'rows/s', 'CPU time per row, ms', 'ratio to the script', 'of CPU time', 'goal'],
    ...['rows with the outcome of detoxq without a prefilter', 'peak MB'],
  ];
  const rows = job.sides.map((side) => [
    side.name,
    `${median(side.rowsPerSecond).toFixed(1)} (${range(side.rowsPerSecond, 1)})`,
    `${median(side.cpuMsPerRow).toFixed(1)} (${range(side.cpuMsPerRow, 1)})`,
    side.goal === null ? '' : `**${median(side.ratios).toFixed(2)}** (${range(side.ratios, 2)})`,
    side.goal === null ? '' : `${median(side.cpuRatios).toFixed(2)} (${range(side.cpuRatios, 2)})`,
    side.goal === null ? '' : `≥ ${side.goal}`,
    `${count(side.equalOutcomes)} of ${count(job.rows.count)}`,
    count(Math.round(side.peakMb)),
  ]);
  const versions = job.sides
    .filter((side) => Object.keys(side.versions).length > 0)
    .map(
      (side) =>
        `- ${side.name}: ${Object.entries(side.versions)
          .map((entry) => entry.join(' '))
          .join(', ')}`,
    );
  return `### The whole job

\`npm run bench -- job\`: ${job.rows.source}; from the start of a command to its end, results in Postgres; RoBERTa-base and BART-base size, int8,
greedy, ${count(job.rows.count)} rows, ${cores(job.cores)}, alternating with a Python script that does the same with the fastest other engines
(${taken(job)}). CPU time is that of the command and its children, without Postgres and Redis.

${table(columns, rows)}
${versions.length === 0 ? '' : `\n${versions.join('\n')}\n`}`;
}

export function jobBars({ title, sides }: JobResult): Bar[] {
  return sides.flatMap(({ name, goal, ratios }) => {
    if (goal === null) return [];
    const label = name.includes('prefilter') ? `${title}, prefilter` : title;
    return [{ label, ratio: median(ratios), least: Math.min(...ratios), most: Math.max(...ratios), goal }];
  });
}
