import type { Bars } from '../document/document.ts';
import { NONE } from './structure.ts';

/** One plain bar a value. */
export function plainBars(
  title: string,
  values: readonly (readonly [string, number])[],
  format: (value: number) => string,
): Bars {
  return {
    kind: 'bars',
    title,
    format,
    bars: values.map(([name, value]) => ({ label: name, pieces: [{ name: title, value }] })),
  };
}

export const count = (value: number): string => value.toLocaleString('en-US');
export const percent = (value: number): string => `${(100 * value).toFixed(1)} %`;
export const decimals =
  (digits: number) =>
  (value: number): string =>
    value.toFixed(digits);
export const number = (value: number | null, digits: number): string => (value === null ? NONE : value.toFixed(digits));
