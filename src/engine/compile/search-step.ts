import { createGraph, type Dimension, encodeModel, type Graph } from '../onnx/graph.ts';
import { outputScales } from './activations.ts';
import { type DecoderPlan, reader } from './decoder-plan.ts';
import { logitSlices } from './language-model-head.ts';
import { exact, reduced, type Source } from './layers.ts';
import { topTokens } from './top-tokens.ts';

/**
 * One step of a search over hypotheses. Each text has the same number of them (a rectangle, row-major).
 *
 * Inputs: the plan's sources with a dimension of 1 after the texts, so that hypotheses share them; its caches as entries, one
 * per token that any hypothesis has read, fp32 [entries × heads, head size]; `ancestors` int64 [rows, past], the entries of
 * each hypothesis; `tokens` int64 [rows]; `adjusted` int64 [rows, any], tokens to leave out of the best ones, -1 for none;
 * `top` int64 [1].
 * Outputs: `top_tokens` int64 and `top_logits` fp32 [rows, top], `adjusted_logits` fp32 [rows, any], `maxima` and `shares`
 * fp32 [rows, slices of the vocabulary] (see `topTokens`), and for each cache the entries of this step, `new_<cache>` fp32
 * [rows, heads, 1, head size].
 */
export function searchStep(source: Source, plan: DecoderPlan): Uint8Array {
  const graph = createGraph('step');
  for (const { name, dims } of plan.sources) graph.input(name, 'f32', ['texts', 1, ...dims.slice(1)]);
  graph.input('tokens', 'i64', ['rows']);
  graph.input('ancestors', 'i64', ['rows', 'past']);
  graph.input('adjusted', 'i64', ['rows', 'adjustments']);
  graph.input('top', 'i64', [1]);
  const { heads, headSize } = plan.shape;
  const blocks = blocksOf(graph, heads);
  const caches = plan.caches.map(({ name }) => {
    graph.input(name, 'f32', ['blocks', headSize]);
    return reduced(graph, source.precision, graph.op('Gather', [name, blocks]));
  });
  const texts = graph.op('Shape', [plan.sources[0]?.name ?? ''], { start: 0, end: 1 });
  const read = reader(graph, source);
  const result = plan.step({ root: graph, body: graph, tokens: 'tokens', caches, read, texts });
  const slices = logitSlices(graph, graph, source, result.hidden, plan.head, true);
  const best = topTokens(graph, slices, 'adjusted', 'top');
  const output = (name: string, value: string, type: 'i64' | 'f32', dims: readonly Dimension[]) =>
    graph.output(name, type, dims, value);
  output('top_tokens', best.tokens, 'i64', ['rows', 'best']);
  output('top_logits', best.logits, 'f32', ['rows', 'best']);
  output('adjusted_logits', best.chosen, 'f32', ['rows', 'adjustments']);
  output('maxima', best.maxima, 'f32', ['rows', 'slices']);
  output('shares', best.shares, 'f32', ['rows', 'slices']);
  const last = [-1, Number.MAX_SAFE_INTEGER, 2].map((value) => graph.constant('i64', [value]));
  plan.caches.forEach(({ name }, i) => {
    const added = graph.op('Slice', [result.caches[i] ?? '', ...last]);
    output(`new_${name}`, exact(graph, source.precision, added), 'f32', ['rows', heads, 1, headSize]);
  });
  outputScales(graph, source.measured);
  return encodeModel(graph);
}

/** Positions of each hypothesis's blocks, int64 [rows, heads, past]. An entry has one block per head. */
function blocksOf(graph: Graph, heads: number): string {
  const { constant, op } = graph;
  const first = op('Mul', [op('Unsqueeze', ['ancestors', constant('i64', [1])]), constant('i64', heads)]);
  const head = constant(
    'i64',
    Array.from({ length: heads }, (_, index) => index),
  );
  return op('Add', [first, op('Unsqueeze', [head, constant('i64', [1])])]);
}
