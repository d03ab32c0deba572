import { styleText } from 'node:util';
import { outputColors, outputColumns } from './terminal.ts';
import { clip, displayWidth } from './text-width.ts';
import { visible } from './visible.ts';
import { wrap } from './wrap.ts';

/** Off a terminal, no column is wider. */
const WIDEST = 80;
/** A column of text that is squeezed below it cannot be read. */
const NARROWEST = 10;
const GAP = 2;
/** Of a longer cell nothing more could be shown. */
const MOST_CHARACTERS = 2_000;
/** Of a value that stands below the others. */
const MOST_LINES = 4;

export interface TableOptions {
  /** Columns of the terminal. Undefined without a terminal: then each row is one line. */
  readonly width?: number | undefined;
  readonly colors?: boolean;
  /** What becomes of a cell that is too wide: its end is cut (default), or it is broken into lines. */
  readonly overflow?: 'clip' | 'wrap';
}

/** A table for standard output, in the width and the colours of its terminal. */
export function outputTable(
  names: readonly string[],
  rows: readonly (readonly unknown[])[],
  options: Pick<TableOptions, 'overflow'> = {},
): string {
  return formatTable(names, rows, { ...options, width: outputColumns(), colors: outputColors() });
}

/**
 * Rows of cells as aligned columns, numbers to the right. Where they do not fit, the widest columns of text are squeezed.
 * Where that would leave too little to read, the values of a row stand below each other. Control characters are escaped: a
 * cell may hold text of the dataset, and a terminal obeys escape sequences.
 */
export function formatTable(
  names: readonly string[],
  rows: readonly (readonly unknown[])[],
  { width, colors = false, overflow = 'clip' }: TableOptions = {},
): string {
  const header = names.map(visible);
  const cells = rows.map((row) => header.map((_, column) => visible(cellText(row[column]).slice(0, MOST_CHARACTERS))));
  const numeric = header.map((_, column) => rows.every((row) => isNumberLike(row[column])));
  const style = (name: 'bold' | 'dim', text: string): string =>
    colors ? styleText(name, text, { validateStream: false }) : text;
  const widths = widthsThatFit(header, cells, numeric, width);
  if (widths === null) return belowEachOther(header, cells, width ?? WIDEST, style);

  const lines = (row: readonly string[], broken: boolean): string[] => {
    const parts = row.map((cell, column) => {
      const own = widths[column] ?? 0;
      return broken ? wrap(cell, own) : [clip(cell, own)];
    });
    const height = Math.max(...parts.map((part) => part.length));
    return Array.from({ length: height }, (_, n) =>
      parts
        .map((part, column) => {
          const text = part[n] ?? '';
          const fill = ' '.repeat(Math.max(0, (widths[column] ?? 0) - displayWidth(text)));
          return numeric[column] ? fill + text : text + fill;
        })
        .join(' '.repeat(GAP))
        .trimEnd(),
    );
  };
  const head = lines(header, true).map((line) => style('bold', line));
  const rule = style('dim', widths.map((own) => '─'.repeat(own)).join(' '.repeat(GAP)));
  return [...head, rule, ...cells.flatMap((row) => lines(row, overflow === 'wrap'))].join('\n');
}

/** Widths of columns that fit together; null where columns would become too narrow to read. */
function widthsThatFit(
  header: readonly string[],
  cells: readonly (readonly string[])[],
  numeric: readonly boolean[],
  width: number | undefined,
): number[] | null {
  const inCells = header.map((_, column) => Math.max(0, ...cells.map((row) => displayWidth(row[column] ?? ''))));
  const widths = header.map((name, column) =>
    Math.min(width ?? WIDEST, Math.max(displayWidth(name), inCells[column] ?? 0)),
  );
  if (width === undefined) return widths;
  // Names are broken at their spaces first: nothing is lost by it.
  const words = header.map((name) => Math.max(...name.split(' ').map(displayWidth)));
  const whole = words.map((word, column) => Math.max(word, inCells[column] ?? 0));
  const least = words.map((word, column) => {
    const own = inCells[column] ?? 0;
    // The first one says what a row is about.
    const kept = column === 0 ? Math.max(NARROWEST, Math.floor(width / 4)) : NARROWEST;
    return Math.max(word, numeric[column] ? own : Math.min(own, kept));
  });
  return squeeze(widths, whole, width) ?? squeeze(widths, least, width);
}

/** Narrows the widest columns, none below its least, until they fit; null where they cannot. */
function squeeze(widths: number[], least: readonly number[], width: number): number[] | null {
  const total = (): number => widths.reduce((sum, own) => sum + own + GAP, -GAP);
  while (total() > width) {
    const spare = widths.map((own, column) => (own > (least[column] ?? 0) ? own : 0));
    const widest = Math.max(...spare);
    if (widest === 0) return null;
    widths[spare.indexOf(widest)] = widest - 1;
  }
  return widths;
}

function belowEachOther(
  header: readonly string[],
  cells: readonly (readonly string[])[],
  width: number,
  style: (name: 'bold' | 'dim', text: string) => string,
): string {
  const label = Math.min(Math.max(...header.map(displayWidth)), Math.floor(width / 3));
  const room = Math.max(1, width - label - GAP);
  const record = (row: readonly string[], number: number): string[] => [
    style('dim', clip(`── ${number} ${'─'.repeat(Math.max(0, width - 4 - String(number).length))}`, width)),
    ...header.flatMap((name, column) => {
      const shown = clip(name, label);
      const start = style('bold', shown) + ' '.repeat(label - displayWidth(shown) + GAP);
      return wrap(clip(row[column] ?? '', room * MOST_LINES), room)
        .slice(0, MOST_LINES)
        .map((line, n) => ((n === 0 ? start : ' '.repeat(label + GAP)) + line).trimEnd());
    }),
  ];
  return cells.flatMap((row, at) => record(row, at + 1)).join('\n');
}

function cellText(value: unknown): string {
  if (value === null || value === undefined) return '';
  if (value instanceof Date) return value.toISOString();
  if (typeof value === 'number' && !Number.isInteger(value)) return roundedText(value);
  return typeof value === 'object' ? JSON.stringify(value) : String(value);
}

/** To six significant digits, and never less than two decimals: `1234567.891` → `1234567.89`. */
function roundedText(value: number): string {
  const significant = value.toPrecision(6);
  return String(Number(Math.abs(value) < 10_000 ? significant : value.toFixed(2)));
}

function isNumberLike(value: unknown): boolean {
  if (value === null || value === undefined || typeof value === 'number' || typeof value === 'bigint') return true;
  return typeof value === 'string' && value !== '' && /^-?\d+(\.\d+)?$/.test(value);
}
