/** Where the engine's time goes, and what its matrix products alone would allow. */
import { count, percent, table } from './markdown.ts';
import type { ProfileResult } from './results.ts';
import { taken } from './taken.ts';

const PRODUCT = 'MatMulIntegerToFloat';
const OTHERS_NAMED = 4;

export function profileSection(profile: ProfileResult): string {
  const columns = [
    ...['work', 'rows', 'GMAC per row', 'int8 products, share', 'at GMAC/s', 'products alone, rows/s'],
    'other operators, largest first',
  ];
  const rows = profile.profiles.map(({ title, rows, seconds, productSeconds, products, operators }) => {
    const others = Object.entries(operators).filter(([name]) => name !== PRODUCT);
    return [
      title,
      count(rows),
      (products / rows).toFixed(2),
      percent(productSeconds / seconds),
      (products / productSeconds).toFixed(0),
      (rows / productSeconds).toFixed(1),
      others
        .slice(0, OTHERS_NAMED)
        .map(([name, spent]) => `${name} ${percent(spent / seconds, 1)}`)
        .join(', '),
    ];
  });
  return `### Where the engine's time goes

\`npm run bench -- profile\`: onnxruntime's own profiler, int8, one thread, models of base size (${taken(profile)}). If nothing else cost
anything, the products alone would be the bound of any engine on these kernels ([what was tried against it](decisions/engine-bound.md)).

${table(columns, rows)}
`;
}
