import { clip, displayWidth } from './text-width.ts';

/** `1234567` → `1,234,567`. */
export function formatCount(count: number): string {
  return count.toLocaleString('en-US');
}

/** Rows/s: whole numbers from 10 on, else one decimal. */
export function formatRate(rowsPerSecond: number): string {
  return `${rowsPerSecond >= 10 ? formatCount(Math.round(rowsPerSecond)) : rowsPerSecond.toFixed(1)} rows/s`;
}

/** `3725000` → `1 h 02 min`, `65000` → `1 min 05 s`, `4200` → `4.2 s`. */
export function formatDuration(ms: number): string {
  const seconds = ms / 1000;
  if (seconds < 10) return `${seconds.toFixed(1)} s`;
  if (seconds < 60) return `${Math.round(seconds)} s`;
  const whole = Math.round(seconds);
  const pad = (value: number): string => String(value).padStart(2, '0');
  if (whole < 3600) return `${Math.floor(whole / 60)} min ${pad(whole % 60)} s`;
  return `${Math.floor(whole / 3600)} h ${pad(Math.floor((whole % 3600) / 60))} min`;
}

export function formatPercent(part: number, whole: number): string {
  return whole === 0 ? '–' : `${((100 * part) / whole).toFixed(1)} %`;
}

/**
 * Rows of cells as aligned columns, numbers to the right. Control characters are shown, not sent:
 * a cell may hold text of the dataset, and a terminal obeys escape sequences.
 */
export function formatTable(names: readonly string[], rows: readonly (readonly unknown[])[]): string {
  const header = names.map(visible);
  const cells = rows.map((row) => row.map((value) => visible(cellText(value))));
  const widths = header.map((name, column) =>
    Math.min(80, Math.max(displayWidth(name), ...cells.map((row) => displayWidth(row[column] ?? '')))),
  );
  const numeric = header.map((_, column) => rows.every((row) => isNumberLike(row[column])));
  const line = (row: readonly string[]): string =>
    row
      .map((cell, column) => {
        const width = widths[column] ?? 0;
        const shown = clip(cell, width);
        const fill = ' '.repeat(Math.max(0, width - displayWidth(shown)));
        return numeric[column] ? fill + shown : shown + fill;
      })
      .join('  ')
      .trimEnd();
  const rule = widths.map((width) => '─'.repeat(width)).join('  ');
  return [line(header), rule, ...cells.map(line)].join('\n');
}

/** Controls, and marks that turn the direction of what follows: a terminal obeys them, and so shows what is not there. */
const UNSEEN = /[\p{Cc}\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069]/gu;

/** Such characters as pictures or escapes, so that a terminal prints them and obeys none. */
export function visible(text: string): string {
  return text.replace(UNSEEN, (character) => {
    if (character === '\n') return '⏎';
    if (character === '\t') return ' ';
    const code = (character.codePointAt(0) ?? 0).toString(16);
    return code.length > 2 ? `\\u${code.padStart(4, '0')}` : `\\x${code.padStart(2, '0')}`;
  });
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
