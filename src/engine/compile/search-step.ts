import { createGraph, type Dimension, encodeModel } from '../onnx/graph.ts';
import { type DecoderPlan, reader } from './decoder-plan.ts';
import { logitSlices } from './language-model-head.ts';
import { exact, reduced, type Source } from './layers.ts';
import { topTokens } from './top-tokens.ts';

/**
 * One step of a search over hypotheses, of which each text has equally many (a rectangle, row-major).
 *
 * Inputs: the plan's sources with a dimension of 1 after the texts, so that hypotheses share them; its caches as the last
 * step left them; `order` int64 [rows], which place in the caches each hypothesis continues; `tokens` int64 [rows];
 * `adjusted` int64 [rows, any], tokens to be left out of the best, -1 for none; `top` int64 [1].
 * Outputs: `top_tokens` int64 and `top_logits` fp32 [rows, top], `adjusted_logits` fp32 [rows, any], `maxima` and
 * `shares` fp32 [rows, slices of the vocabulary] (see `topTokens`), and `next_<cache>`.
 */
export function searchStep(source: Source, plan: DecoderPlan): Uint8Array {
  const graph = createGraph('step');
  for (const { name, dims } of plan.sources) graph.input(name, 'f32', ['texts', 1, ...dims.slice(1)]);
  graph.input('tokens', 'i64', ['rows']);
  graph.input('order', 'i64', ['rows']);
  graph.input('adjusted', 'i64', ['rows', 'adjustments']);
  graph.input('top', 'i64', [1]);
  const caches = plan.caches.map(({ name, dims }) => {
    graph.input(name, 'f32', ['held', ...dims.slice(1)]);
    return reduced(graph, source.precision, graph.op('Gather', [name, 'order']));
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
  result.caches.forEach((value, i) => {
    const { name = '', dims = [] } = plan.caches[i] ?? {};
    output(`next_${name}`, exact(graph, source.precision, value), 'f32', [
      'rows',
      ...dims.slice(1).map((dim) => (dim === 'past' ? 'all' : dim)),
    ]);
  });
  return encodeModel(graph);
}
