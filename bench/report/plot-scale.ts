/** Rows/s and memory as the rows grow, beside each other: what is flat looks flat. */
import type { ScaleSize } from './results.ts';
import { escaped, svg } from './svg.ts';

const LEFT = 110;
const PANEL = 300;
const GAP = 40;
const LONGEST_BAR = 210;
const TOP = 34;
const STEP = 30;

export function plotScale(sizes: readonly ScaleSize[]): string {
  const panels = [
    { title: 'rows/s', values: sizes.map(({ rowsPerSecond }) => rowsPerSecond) },
    { title: 'peak memory, MB', values: sizes.map(({ peakMb }) => peakMb) },
  ];
  const y = (size: number): number => TOP + size * STEP;
  const labels = sizes.map(
    ({ rows }, s) =>
      `<text x="${LEFT - 12}" y="${y(s) + 14}" text-anchor="end">${rows.toLocaleString('en')} rows</text>`,
  );
  const drawn = panels.flatMap(({ title, values }, p) => {
    const x = LEFT + p * (PANEL + GAP);
    const most = Math.max(...values);
    const bars = values.map((value, s) => {
      const width = (LONGEST_BAR * value) / most;
      const number = Math.round(value).toLocaleString('en');
      return (
        `<rect class="bar" x="${x}" y="${y(s)}" width="${width.toFixed(1)}" height="18"/>` +
        `<text x="${(x + width + 8).toFixed(1)}" y="${y(s) + 14}">${number}</text>`
      );
    });
    return [`<text x="${x}" y="18">${escaped(title)}</text>`, ...bars];
  });
  return svg('Rows/s and memory by number of rows', LEFT + 2 * PANEL + GAP, y(sizes.length) + 6, [...labels, ...drawn]);
}
