import { createGraph, type Dimension, encodeModel, type Graph } from '../onnx/graph.ts';
import { additiveMask } from './blocks.ts';
import { type DecoderPlan, reader } from './decoder-plan.ts';
import { type EndTokens, endRows } from './greedy-loop.ts';
import { greedyToken } from './greedy-token.ts';
import { reduced, type Source } from './layers.ts';

/** Writes the part that reads the source. Its values are the plan's sources without the mask. */
type Encoder = (graph: Graph, source: Source) => void;

/**
 * Reads the source and runs all of greedy search in one graph. It suits devices with their own memory, because only tokens
 * travel there and back. It runs until `forced` is used up or all rows have ended.
 *
 * Inputs: `tokens` int64 and `mask` int32 [rows, length], 0 for padding; `start` int64 [rows], the first token that the
 * decoder reads; `forced` int64 [steps], for each step the token that every row must give, or -1.
 * Output: `generated` int64 [steps done, rows].
 */
export function portableSearch(source: Source, encoder: Encoder, plan: DecoderPlan, end: EndTokens): Uint8Array {
  const graph = createGraph('search');
  graph.input('mask', 'i32', ['rows', 'length']);
  encoder(graph, { ...source, padded: true });
  graph.op('Identity', [additiveMask(graph)], {}, { outputs: ['cross_mask'] });
  graph.input('start', 'i64', ['rows']);
  graph.input('forced', 'i64', ['steps']);

  const type = source.precision === 'fp16' ? 'f16' : 'f32';
  const rows = graph.op('Shape', ['start']);
  const body = createGraph('step');
  body.input('iteration', 'i64', []);
  body.input('condition', 'bool', []);
  body.input('step_tokens', 'i64', ['rows']);
  body.input('step_ended', 'bool', ['rows']);
  for (const { name, dims } of plan.caches) body.input(`step_${name}`, type, dims);
  const caches = plan.caches.map(({ name }) => `step_${name}`);
  const read = reader(graph, source);
  const result = plan.step({ root: graph, body, tokens: 'step_tokens', caches, read, texts: null });
  const best = greedyToken(graph, body, source, result.hidden, plan.head);
  const none = graph.constant('i64', 0);
  const forcedToken = body.op('Gather', ['forced', 'iteration']);
  const isFree = body.op('Less', [forcedToken, body.constant('i64', 0)]);
  const chosen = body.op('Where', [isFree, best, forcedToken]);
  const { next, ended, goOn } = endRows(body, chosen, end, none);
  body.output(goOn, 'bool', []);
  body.output(body.op('Identity', [next]), 'i64', ['rows']);
  body.output(body.op('Identity', [ended]), 'bool', ['rows']);
  result.caches.forEach((value, i) => {
    const grown = (plan.caches[i]?.dims ?? []).map((dim): Dimension => (dim === 'past' ? 'all' : dim));
    body.output(value, type, grown);
  });
  body.output(next, 'i64', ['rows']);

  const nothingYet = plan.caches.map(({ dims }) => {
    const rest = dims.slice(1).map((dim) => (typeof dim === 'number' ? dim : 0));
    const zeros = graph.op('ConstantOfShape', [graph.op('Concat', [rows, graph.constant('i64', rest)], { axis: 0 })]);
    return reduced(graph, source.precision, zeros);
  });
  const nothingEnded = graph.op('Expand', [graph.constant('bool', 0), rows]);
  const steps = graph.op('Squeeze', [graph.op('Shape', ['forced'])]);
  const outputs = [
    graph.name('tokens'),
    graph.name('ended'),
    ...plan.caches.map(({ name }) => `last_${name}`),
    'generated',
  ];
  graph.ops('Loop', [steps, graph.constant('bool', 1), 'start', nothingEnded, ...nothingYet], outputs, { body });
  graph.output('generated', 'i64', ['done', 'rows']);
  return encodeModel(graph);
}
