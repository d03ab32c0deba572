/** A report that can be shown on a terminal, as Markdown and as HTML. */
export interface Document {
  readonly title: string;
  readonly sections: readonly Section[];
}

export interface Section {
  readonly heading: string;
  readonly blocks: readonly Block[];
}

export type Block =
  | { readonly kind: 'text'; readonly text: string }
  | { readonly kind: 'list'; readonly items: readonly string[] }
  | { readonly kind: 'code'; readonly text: string }
  | Table
  | Bars
  | Curves;

export interface Table {
  readonly kind: 'table';
  readonly columns: readonly string[];
  readonly rows: readonly (readonly string[])[];
  /** Cells hold running text, side by side. Default false. */
  readonly long?: boolean;
}

/** Bars beside each other, for HTML; their numbers stand in a table, too. */
export interface Bars {
  readonly kind: 'bars';
  readonly title: string;
  readonly bars: readonly Bar[];
  /** How a number is written. */
  readonly format: (value: number) => string;
}

interface Bar {
  readonly label: string;
  /** Pieces of a stacked bar, in order; one piece for a plain bar. */
  readonly pieces: readonly { readonly name: string; readonly value: number }[];
  /** Ends of an interval around the value. */
  readonly interval?: { readonly low: number; readonly high: number };
}

/** Lines through points in the unit square, for HTML. */
export interface Curves {
  readonly kind: 'curves';
  readonly title: string;
  readonly x: string;
  readonly y: string;
  readonly curves: readonly { readonly label: string; readonly points: readonly (readonly [number, number])[] }[];
}
