import type { ParameterCounts, WeightMemory } from '../../contract/inspection.ts';
import type { Description, Part } from '../architectures/description.ts';
import { namedParameters } from '../architectures/module.ts';

const size = (shape: readonly number[]): number => shape.reduce((product, length) => product * length, 1);

/** Parameters by part; a shared one counts where it stands first. */
export function countParameters({ tree, shared, part }: Description): ParameterCounts {
  const counts = new Map<Part, number>();
  for (const { name, shape } of namedParameters(tree)) {
    // A part whose only tensor is shared is named, with nothing of its own.
    const own = shared.has(name) ? 0 : size(shape);
    counts.set(part(name), (counts.get(part(name)) ?? 0) + own);
  }
  return {
    total: [...counts.values()].reduce((sum, count) => sum + count, 0),
    parts: [...counts].map(([name, count]) => ({ part: name, count })),
    shared: [...shared].map(([name, same]) => ({ name, same })),
  };
}

/**
 * Bytes of the weights in three precisions. int8 is this engine's (compile/quantize.ts): a linear layer takes a byte a
 * weight and four an output, and an output matrix that is the embedding table is kept in both forms.
 */
export function weightMemory({ tree, shared }: Description): WeightMemory {
  let all = 0;
  let int8 = 0;
  for (const { name, shape, outputs } of namedParameters(tree)) {
    const own = shared.has(name) ? 0 : size(shape);
    all += own;
    int8 += outputs === null ? 4 * own : size(shape) + 4 * outputs;
  }
  return { fp32: 4 * all, fp16: 2 * all, int8 };
}
