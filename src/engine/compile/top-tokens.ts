import type { Graph } from '../onnx/graph.ts';
import type { LogitSlice } from './language-model-head.ts';

export interface TopTokens {
  /** int64 and fp32 [rows, top], highest logit first, of equal ones the smaller token. */
  readonly tokens: string;
  readonly logits: string;
  /** Logits of the adjusted tokens, fp32 [rows, adjusted]. */
  readonly adjusted: string;
  /**
   * The largest logit of each slice, and the share of its exponential in the slice's sum of exponentials, fp32 [rows,
   * slices]: what the logarithm of the whole sum is made from. Not in the graph, because onnxruntime's Log gives other
   * bits in the last few places of a tensor.
   */
  readonly maxima: string;
  readonly shares: string;
}

const INFINITY = Number.POSITIVE_INFINITY;

/**
 * The best tokens of each row without the adjusted ones, with what a search needs beside them.
 *
 * Slice by slice, while its logits are in the cache, then merged. TopK gives equal values in the order of their columns,
 * and the slices stand in the order of their tokens: so does the merged list.
 *
 * @param adjusted int64 [rows, any], tokens, -1 for none
 * @param top int64 [1], from 1 to the vocabulary less the longest list of `adjusted`
 */
export function topTokens(graph: Graph, slices: readonly LogitSlice[], adjusted: string, top: string): TopTokens {
  const parts = slices.map((slice) => searchSlice(graph, slice, adjusted, top));
  const [first] = parts;
  if (first && parts.length === 1) return first;
  const together = (key: keyof TopTokens) =>
    graph.op(
      'Concat',
      parts.map((part) => part[key]),
      { axis: 1 },
    );
  const best = topK(graph, together('logits'), top);
  return {
    tokens: graph.op('GatherElements', [together('tokens'), best.columns], { axis: 1 }),
    logits: best.values,
    adjusted: graph.op(
      'Max',
      parts.map((part) => part.adjusted),
    ),
    maxima: together('maxima'),
    shares: together('shares'),
  };
}

/** The same of one slice. An adjusted token of another slice has the logit -Infinity. */
function searchSlice(
  graph: Graph,
  { logits, first, last, width }: LogitSlice,
  adjusted: string,
  top: string,
): TopTokens {
  const { constant, op } = graph;
  const column = first === 0 ? adjusted : op('Sub', [adjusted, constant('i64', first)]);
  const above = op('GreaterOrEqual', [column, constant('i64', 0)]);
  const inside = op('And', [above, op('Less', [column, constant('i64', last - first)])]);
  const index = op('Where', [inside, column, constant('i64', 0)]);
  const own = op('GatherElements', [logits, index], { axis: 1 });
  // The smaller of the two: tokens of other slices all point at column 0 and must leave it as it is.
  const bans = op('Where', [inside, constant('f32', -INFINITY), constant('f32', INFINITY)]);
  const rest = op('ScatterElements', [logits, index, bans], { axis: 1, reduction: 'min' });
  const best = topK(graph, rest, op('Min', [top, constant('i64', [width])]));
  return {
    tokens: first === 0 ? best.columns : op('Add', [best.columns, constant('i64', first)]),
    logits: best.values,
    adjusted: op('Where', [inside, own, constant('f32', -INFINITY)]),
    maxima: maximum(graph, logits),
    // Softmax sums each row in the same way whatever the number of rows, which ReduceSum does not promise.
    shares: maximum(graph, op('Softmax', [logits], { axis: 1 })),
  };
}

function topK(graph: Graph, values: string, top: string): { values: string; columns: string } {
  const best = { values: graph.name('values'), columns: graph.name('columns') };
  graph.ops('TopK', [values, top], [best.values, best.columns], { axis: 1 });
  return best;
}

function maximum(graph: Graph, values: string): string {
  return graph.op('ReduceMax', [values, graph.constant('i64', [1])], { keepdims: 1 });
}
