/** How far two engines give the same outputs. */
import type { Outputs } from './process.ts';

export interface Agreement {
  readonly rows: number;
  /** Rows with the same tokens, or the same label. */
  readonly equal: number;
  /** Tokens of both, ours first: an engine that writes less has less to do. Null for classifiers. */
  readonly tokens: readonly [number, number] | null;
  /** Largest and mean difference of a logit; null for generators. */
  readonly logits: { readonly largest: number; readonly mean: number } | null;
}

export function agreement(kind: 'generator' | 'classifier', ours: Outputs, theirs: Outputs): Agreement {
  const rows = Math.min(ours.length, theirs.length);
  const pairs = ours.slice(0, rows).map((row, i) => [row, theirs[i] ?? []] as const);
  if (kind === 'generator') {
    const equal = pairs.filter(([a, b]) => a.length === b.length && a.every((token, i) => token === b[i])).length;
    const sum = (side: 0 | 1): number => pairs.reduce((total, pair) => total + pair[side].length, 0);
    return { rows, equal, tokens: [sum(0), sum(1)], logits: null };
  }
  const best = (logits: readonly number[]): number => logits.indexOf(Math.max(...logits));
  const distances = pairs.flatMap(([a, b]) => a.map((logit, i) => Math.abs(logit - (b[i] ?? Number.NaN))));
  return {
    rows,
    equal: pairs.filter(([a, b]) => best(a) === best(b)).length,
    tokens: null,
    logits: {
      largest: distances.reduce((most, distance) => Math.max(most, distance), 0),
      mean: distances.reduce((sum, distance) => sum + distance, 0) / distances.length,
    },
  };
}
