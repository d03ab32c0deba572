/** Cost against work, with the bundled models. */
import { cores, count, table } from './markdown.ts';
import type { ScaleResult, ScaleSize } from './results.ts';
import { taken } from './taken.ts';

/** @param plot as the report names it */
export function scaleSection(scale: ScaleResult, plot: string): string {
  const columns = [
    ...['rows', 'time of the command, s', 'rows/s', 'each further row, ms', 'first result after, s'],
    'peak memory, MB',
  ];
  const rows = scale.sizes.map((size, at) => [
    count(size.rows),
    size.seconds.toFixed(1),
    size.rowsPerSecond.toFixed(0),
    furtherRow(scale.sizes[at - 1], size),
    size.firstResultSeconds.toFixed(1),
    count(Math.round(size.peakMb)),
  ]);
  const starts = scale.starts.map((start) => [
    start.name,
    start.firstClaimSeconds.toFixed(2),
    start.firstResultSeconds.toFixed(2),
  ]);
  return `### Cost against work

\`npm run bench -- scale\`: \`detoxq run\` with the bundled models on more and more distinct rows of Jigsaw and WordNet, ${cores(scale.cores)},
embedded Postgres (${taken(scale)}). The start weighs on small sizes. "Each further row" leaves it out: the extra time
against the size before, divided by the extra rows. If cost is proportional to work, that column stays the same, and so does the memory. Memory is
that of the command and its engine processes; shared pages count in each.

![Rows/s and memory by number of rows](${plot})

${table(columns, rows)}
${repeatedLine(scale)}
The start of a worker, graphs compiled, one row waiting (medians of three):

${table(['models', 'first claim after, s', 'first result after, s'], starts)}
`;
}

function furtherRow(before: ScaleSize | undefined, size: ScaleSize): string {
  if (before === undefined) return '';
  return ((1000 * (size.seconds - before.seconds)) / (size.rows - before.rows)).toFixed(2);
}

function repeatedLine({ repeated }: ScaleResult): string {
  if (repeated === undefined) return '';
  const { rows, times, seconds, rowsPerSecond } = repeated;
  return `
${count(rows)} rows of ${count(rows / times)} distinct texts, each ${times} times: ${seconds.toFixed(1)} s, ${rowsPerSecond.toFixed(0)} rows/s. Equal texts are worked on once.
`;
}
