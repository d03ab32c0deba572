import type { Graph } from '../onnx/graph.ts';
import type { LogitSlice } from './language-model-head.ts';

/** Logits of chosen tokens, and the parts of the sum over the vocabulary. */
interface ChosenTokens {
  /** fp32 [rows, chosen]. */
  readonly chosen: string;
  /**
   * The largest logit of each slice, and the share of its exponential in the slice's sum of exponentials, fp32 [rows,
   * slices]. `logSumExp` computes the logarithm of the whole sum from them. This is not done in the graph, because
   * onnxruntime's Log gives other bits in the last few places of a tensor.
   */
  readonly maxima: string;
  readonly shares: string;
}

interface TopTokens extends ChosenTokens {
  /** int64 and fp32 [rows, top], highest logit first. Of equal logits the smaller token comes first. */
  readonly tokens: string;
  readonly logits: string;
}

const INFINITY = Number.POSITIVE_INFINITY;

/** @param tokens int64 [rows, any], -1 for none */
export function chosenTokens(graph: Graph, slices: readonly LogitSlice[], tokens: string): ChosenTokens {
  return merge(
    graph,
    slices.map((slice) => chosenIn(graph, slice, tokens)),
  );
}

/**
 * The best tokens of each row without the chosen ones, and the chosen ones.
 *
 * It works slice by slice, while the logits of a slice are in the cache, and then merges. TopK gives equal values in the
 * order of their columns, and the slices are in the order of their tokens. So the merged list is in this order, too.
 *
 * @param chosen int64 [rows, any], tokens, -1 for none
 * @param top int64 [1], from 1 to the vocabulary minus the longest list of `chosen`
 */
export function topTokens(graph: Graph, slices: readonly LogitSlice[], chosen: string, top: string): TopTokens {
  const parts = slices.map((slice) => searchSlice(graph, slice, chosen, top));
  const [first] = parts;
  if (first && parts.length === 1) return first;
  const together = (key: 'tokens' | 'logits') =>
    graph.op(
      'Concat',
      parts.map((part) => part[key]),
      { axis: 1 },
    );
  const best = topK(graph, together('logits'), top);
  return {
    ...merge(graph, parts),
    tokens: graph.op('GatherElements', [together('tokens'), best.columns], { axis: 1 }),
    logits: best.values,
  };
}

function merge(graph: Graph, parts: readonly ChosenTokens[]): ChosenTokens {
  const [first] = parts;
  if (first && parts.length === 1) return first;
  const values = (key: keyof ChosenTokens) => parts.map((part) => part[key]);
  return {
    chosen: graph.op('Max', values('chosen')),
    maxima: graph.op('Concat', values('maxima'), { axis: 1 }),
    shares: graph.op('Concat', values('shares'), { axis: 1 }),
  };
}

/** The chosen tokens in one slice. Tokens of other slices get the logit -Infinity and the index 0. */
function chosenIn(graph: Graph, { logits, first, last }: LogitSlice, tokens: string) {
  const { constant, op } = graph;
  const column = first === 0 ? tokens : op('Sub', [tokens, constant('i64', first)]);
  const above = op('GreaterOrEqual', [column, constant('i64', 0)]);
  const inside = op('And', [above, op('Less', [column, constant('i64', last - first)])]);
  const index = op('Where', [inside, column, constant('i64', 0)]);
  const own = op('GatherElements', [logits, index], { axis: 1 });
  return {
    inside,
    index,
    chosen: op('Where', [inside, own, constant('f32', -INFINITY)]),
    maxima: maximum(graph, logits),
    // Softmax sums each row in the same way for any number of rows. ReduceSum does not guarantee that.
    shares: maximum(graph, op('Softmax', [logits], { axis: 1 })),
  };
}

function searchSlice(graph: Graph, slice: LogitSlice, tokens: string, top: string): TopTokens {
  const { constant, op } = graph;
  const { logits, first, width } = slice;
  const { inside, index, ...chosen } = chosenIn(graph, slice, tokens);
  // The smaller of the two: tokens of other slices all point at column 0 and must not change it.
  const bans = op('Where', [inside, constant('f32', -INFINITY), constant('f32', INFINITY)]);
  const rest = op('ScatterElements', [logits, index, bans], { axis: 1, reduction: 'min' });
  const best = topK(graph, rest, op('Min', [top, constant('i64', [width])]));
  return {
    ...chosen,
    tokens: first === 0 ? best.columns : op('Add', [best.columns, constant('i64', first)]),
    logits: best.values,
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
