/** What int8 and int8-static change on the bundled models. */
import { count, table } from './markdown.ts';
import type { PrecisionResult } from './results.ts';
import { taken } from './taken.ts';

export function precisionSection(precision: PrecisionResult): string {
  const scorers = precision.scorers.flatMap(({ name, rows, forms }) =>
    forms.map((form) => [
      ...[name, form.precision, `${count(form.equalLabels)} of ${count(rows)}`],
      ...[form.meanDistance.toFixed(4), form.largestDistance.toFixed(3)],
    ]),
  );
  const detoxifiers = precision.detoxifiers.flatMap(({ name, rows, j, forms }) =>
    forms.map((form) => [
      ...[name, form.precision, `${count(form.equalOutputs)} of ${count(rows)}`],
      ...[j.mean.toFixed(3), form.j.mean.toFixed(3)],
      `${signed(form.difference.mean)} (${signed(form.difference.low)} to ${signed(form.difference.high)})`,
    ]),
  );
  return `### int8 and int8-static against fp32, bundled models

\`npm run bench -- precision\`: scorers on comments of Jigsaw; detoxifiers on the held-out tenth of ParaDetox, judged by \`detoxq evaluate\`, J with
the 95 % interval of the paired difference; scales of int8-static measured on 64 of the rows (${taken(precision)}).

${table(['scorer', 'in', 'same label', 'toxicity differs on average', 'at most'], scorers)}

${table(['detoxifier', 'in', 'same output', 'J, fp32', 'J', 'difference'], detoxifiers)}
`;
}

function signed(value: number): string {
  const text = Math.abs(value).toFixed(3);
  if (Number(text) === 0) return text;
  return value < 0 ? `−${text}` : text;
}
