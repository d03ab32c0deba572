/** Ratios as bars on a logarithmic axis, each with its goal. */
import { escaped, svg } from './svg.ts';

export interface Bar {
  readonly label: string;
  readonly ratio: number;
  readonly least: number;
  readonly most: number;
  readonly goal: number;
}

const LEFT = 270;
const WIDTH = 760;
const TOP = 34;
const STEP = 34;

/** @param title what the ratios are to */
export function plotRatios(title: string, bars: readonly Bar[]): string {
  const most = Math.max(2, ...bars.flatMap((bar) => [bar.most, bar.goal]));
  const least = Math.min(1, ...bars.map((bar) => bar.least));
  const ticks = [0.25, 0.5, 1, 2, 4, 8, 16, 32].filter((tick) => tick * 2 > least && tick < most * 2);
  const [low = 0.5, high = 16] = [ticks[0], ticks.at(-1)];
  const at = (ratio: number): number =>
    LEFT + ((WIDTH - LEFT - 60) * Math.log(Math.max(ratio, low) / low)) / Math.log(high / low);
  const bottom = TOP + bars.length * STEP;
  const grid = ticks.map(
    (tick) =>
      `<line class="${tick === 1 ? 'one' : 'grid'}" ${vertical(at(tick), TOP, bottom)}/>` +
      `<text x="${at(tick)}" y="${bottom + 18}" text-anchor="middle">× ${tick}</text>`,
  );
  const drawn = bars.map((bar, i) => {
    const y = TOP + i * STEP + 8;
    const [from, to] = [at(1), at(bar.ratio)].sort((a, b) => a - b) as [number, number];
    return (
      `<text x="${LEFT - 12}" y="${y + 13}" text-anchor="end">${escaped(bar.label)}</text>` +
      `<rect class="bar" x="${from.toFixed(1)}" y="${y}" width="${(to - from).toFixed(1)}" height="18"/>` +
      `<line class="range" x1="${at(bar.least).toFixed(1)}" x2="${at(bar.most).toFixed(1)}" y1="${y + 9}" y2="${y + 9}"/>` +
      `<line class="goal" ${vertical(at(bar.goal), y - 4, y + 22)}/>` +
      `<text x="${WIDTH - 52}" y="${y + 13}">× ${bar.ratio.toFixed(2)}</text>`
    );
  });
  const head = `<text x="${LEFT}" y="18">${escaped(title)}, bars from × 1; <tspan class="key">red: the goal</tspan></text>`;
  return svg(title, WIDTH, bottom + 30, [head, ...grid, ...drawn]);
}

function vertical(x: number, top: number, bottom: number): string {
  return `x1="${x.toFixed(1)}" x2="${x.toFixed(1)}" y1="${top}" y2="${bottom}"`;
}
