/** What each precision costs beside int8. */
import { median, range } from '../peers/statistics.ts';
import { count, table } from './markdown.ts';
import type { PrecisionSpeedResult } from './results.ts';
import { taken } from './taken.ts';

export function precisionSpeedSection(result: PrecisionSpeedResult): string {
  const rows = result.works.flatMap(({ title, rows, forms }) =>
    forms.map(({ precision, ratios, equal }) => [
      title,
      precision,
      `**${median(ratios).toFixed(2)}** (${range(ratios, 2)}), ${ratios.length} processes`,
      `${count(equal)} of ${count(rows)}`,
    ]),
  );
  return `### Other precisions against int8

\`npm run bench -- precision-speed\`: all precisions in one process, in turns of few rows, by processor time, on one core (${taken(result)}).
The ratio is the median of a process's turns, then of the processes; every second process loads int8 last. Above 1 it is faster than int8. The scales of
int8-static are measured on 64 other rows ([what it does](decisions/engine-static-scales.md)).

${table(['work', 'precision', 'ratio to int8', 'outputs or labels of int8'], rows)}
`;
}
