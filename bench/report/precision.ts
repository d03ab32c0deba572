/** What int8 changes on the bundled models. */
import { count, table } from './markdown.ts';
import type { PrecisionResult } from './results.ts';
import { taken } from './taken.ts';

export function precisionSection(precision: PrecisionResult): string {
  const scorers = precision.scorers.map((scorer) => [
    scorer.name,
    `${count(scorer.equalLabels)} of ${count(scorer.rows)}`,
    scorer.meanDistance.toFixed(4),
    scorer.largestDistance.toFixed(3),
  ]);
  const detoxifiers = precision.detoxifiers.map(({ name, rows, equalOutputs, fp32, int8, differences }) => [
    name,
    `${count(equalOutputs)} of ${count(rows)}`,
    fp32.j.mean.toFixed(3),
    int8.j.mean.toFixed(3),
    `${signed(differences.j.mean)} (${signed(differences.j.low)} to ${signed(differences.j.high)})`,
  ]);
  return `### int8 against fp32, bundled models

\`npm run bench -- precision\`: scorers on comments of Jigsaw; detoxifiers on the held-out tenth of ParaDetox, judged by \`detoxq evaluate\`, J with
the 95 % interval of the paired difference (${taken(precision)}).

${table(['scorer', 'same label', 'toxicity differs on average', 'at most'], scorers)}

${table(['detoxifier', 'same output', 'J, fp32', 'J, int8', 'difference'], detoxifiers)}
`;
}

function signed(value: number): string {
  const text = Math.abs(value).toFixed(3);
  if (Number(text) === 0) return text;
  return value < 0 ? `−${text}` : text;
}
