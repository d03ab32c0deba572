/** What int8-static is worth. */
import { median, range } from '../peers/statistics.ts';
import { count, table } from './markdown.ts';
import type { StaticResult } from './results.ts';
import { taken } from './taken.ts';

export function staticSection(result: StaticResult): string {
  const rows = result.works.map(({ title, rows, ratios, equal }) => [
    title,
    `**${median(ratios).toFixed(2)}** (${range(ratios, 2)}), ${ratios.length} processes`,
    `${count(equal)} of ${count(rows)}`,
  ]);
  return `### int8-static against int8

\`npm run bench -- static\`: both in one process, in turns of few rows, by processor time, one core; the median of a process's turns, then of\nthe processes, in every second of which int8-static is loaded first (${taken(result)}). Scales are measured on 64 other
rows ([what it does](decisions/engine-static-scales.md)).

${table(['work', 'ratio to int8', 'same outputs or labels'], rows)}
`;
}
