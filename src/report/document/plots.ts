import type { Bars, Curves } from './document.ts';
import { escapeHtml } from './escape-html.ts';

/** Told apart by people who see colours differently, too (Okabe and Ito 2008), on light and dark paper. */
const COLOURS = ['#0072b2', '#e69f00', '#009e73', '#cc79a7', '#56b4e9', '#d55e00', '#8a8f98'] as const;
const colour = (at: number): string => COLOURS[at % COLOURS.length] ?? '#0072b2';

const ROW = 26;
const BAR = 16;
const LABEL = 160;
/** Letters of a label that fit there. */
const LABEL_LETTERS = 23;
const LENGTH = 300;
const VALUE = 80;
const LEGEND = 22;

/** Horizontal bars from 0, stacked where they have several pieces, each with its number. */
export function barsSvg({ title, bars, format }: Bars): string {
  const total = (at: number): number => bars[at]?.pieces.reduce((sum, { value }) => sum + value, 0) ?? 0;
  const most = Math.max(...bars.map((bar, at) => Math.max(total(at), bar.interval?.high ?? 0)), Number.MIN_VALUE);
  const scale = (value: number): number => (LENGTH * value) / most;
  const names = [...new Set(bars.flatMap(({ pieces }) => pieces.map(({ name }) => name)))];
  const stacked = names.length > 1;
  const top = stacked ? LEGEND : 0;
  const shapes: string[] = stacked ? [legend(names)] : [];
  bars.forEach((bar, at) => {
    const y = top + at * ROW;
    const middle = y + ROW / 2;
    shapes.push(`<text x="${LABEL - 8}" y="${middle + 4}" text-anchor="end">${escapeHtml(clip(bar.label))}</text>`);
    let x = 0;
    for (const { name, value } of bar.pieces) {
      const fill = colour(stacked ? names.indexOf(name) : 0);
      const tip = `${bar.label}${stacked ? `, ${name}` : ''}: ${format(value)}`;
      shapes.push(
        `<rect x="${place(LABEL + scale(x))}" y="${middle - BAR / 2}" width="${place(scale(value))}" height="${BAR}" fill="${fill}"><title>${escapeHtml(tip)}</title></rect>`,
      );
      x += value;
    }
    if (bar.interval !== undefined)
      shapes.push(whisker(LABEL + scale(bar.interval.low), LABEL + scale(bar.interval.high), middle));
    const end = LABEL + Math.max(scale(x), scale(bar.interval?.high ?? 0)) + 8;
    shapes.push(`<text class="soft" x="${place(end)}" y="${middle + 4}">${escapeHtml(format(x))}</text>`);
  });
  const height = top + bars.length * ROW;
  return svg(title, LABEL + LENGTH + VALUE, height, [
    ...shapes,
    `<line class="axis" x1="${LABEL}" y1="${top}" x2="${LABEL}" y2="${height}"/>`,
  ]);
}

const SIDE = 280;
const MARGIN = 44;

/** Curves in the unit square, with its diagonal. */
export function curvesSvg({ title, x, y, curves }: Curves): string {
  const right = (value: number): number => MARGIN + SIDE * value;
  const up = (value: number): number => LEGEND + SIDE * (1 - value);
  const ticks = [0, 0.5, 1].flatMap((value) => [
    `<text class="soft" x="${right(value)}" y="${up(0) + 16}" text-anchor="middle">${value}</text>`,
    `<text class="soft" x="${MARGIN - 6}" y="${up(value) + 4}" text-anchor="end">${value}</text>`,
  ]);
  const lines = curves.map(({ label, points }, at) => {
    const path = points.map(([a, b]) => `${place(right(a))},${place(up(b))}`).join(' ');
    return `<polyline points="${path}" fill="none" stroke="${colour(at)}" stroke-width="2"><title>${escapeHtml(label)}</title></polyline>`;
  });
  return svg(title, MARGIN + SIDE + MARGIN, LEGEND + SIDE + 40, [
    legend(curves.map(({ label }) => label)),
    `<rect class="axis" x="${MARGIN}" y="${LEGEND}" width="${SIDE}" height="${SIDE}" fill="none"/>`,
    `<line class="axis" x1="${right(0)}" y1="${up(0)}" x2="${right(1)}" y2="${up(1)}"/>`,
    ...ticks,
    `<text class="soft" x="${right(0.5)}" y="${up(0) + 34}" text-anchor="middle">${escapeHtml(x)}</text>`,
    `<text class="soft" transform="translate(12 ${up(0.5)}) rotate(-90)" text-anchor="middle">${escapeHtml(y)}</text>`,
    ...lines,
  ]);
}

function svg(title: string, width: number, height: number, shapes: readonly string[]): string {
  return `<svg role="img" aria-label="${escapeHtml(title)}" viewBox="0 0 ${width} ${height}" width="${width}" height="${height}">${shapes.join('')}</svg>`;
}

function legend(names: readonly string[]): string {
  let x = 0;
  return names
    .map((name, at) => {
      const shown = `<rect x="${x}" y="3" width="10" height="10" fill="${colour(at)}"/><text x="${x + 15}" y="12">${escapeHtml(name)}</text>`;
      x += 32 + 7 * name.length;
      return shown;
    })
    .join('');
}

function whisker(low: number, high: number, y: number): string {
  return `<path class="whisker" d="M${place(low)} ${y - 4}v8M${place(low)} ${y}H${place(high)}M${place(high)} ${y - 4}v8"/>`;
}

function clip(label: string): string {
  const letters = [...label];
  return letters.length <= LABEL_LETTERS ? label : `${letters.slice(0, LABEL_LETTERS - 1).join('')}…`;
}

/** Tenths of a pixel are enough. */
function place(value: number): string {
  return String(Math.round(value * 10) / 10);
}
