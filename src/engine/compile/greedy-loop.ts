import { createGraph, type Dimension, encodeModel, type Graph } from '../onnx/graph.ts';
import { SCALE } from '../onnx/values.ts';
import type { Quantized } from './activations.ts';
import type { DecoderPlan } from './decoder-plan.ts';
import { greedyToken } from './greedy-token.ts';
import type { Operand, Source } from './layers.ts';

/** Tokens that end a row, and the padding of a row that has ended. */
export interface EndTokens {
  readonly endTokens: readonly number[];
  readonly padToken: number;
}

/** `TensorProto.DataType` */
const INT64 = 7;

/**
 * A decoder with greedy generation inside. It runs until `forced` is used up, or at most `stop_alive` rows have not ended.
 * Logits never leave onnxruntime, which would copy them at each step.
 *
 * Inputs: the plan's sources and caches; `tokens` int64 [rows], the last token of each row, none of them ended; `forced`
 * int64 [steps], for each step the token that every row must give, or -1; `stop_alive` int64.
 * Outputs: `generated` int64 [steps done, rows] and `next_<cache>`.
 */
export function greedyDecoder(source: Source, plan: DecoderPlan, end: EndTokens): Uint8Array {
  const { caches } = plan;
  const graph = createGraph('decoder');
  for (const { name, dims } of plan.sources) graph.input(name, 'f32', dims);
  graph.input('tokens', 'i64', ['rows']);
  graph.input('forced', 'i64', ['steps']);
  graph.input('stop_alive', 'i64', []);
  for (const { name, dims } of caches) graph.input(name, 'f32', dims);
  const names = caches.map(({ name }) => name);

  const body = createGraph('step');
  body.input('iteration', 'i64', []);
  body.input('condition', 'bool', []);
  body.input('step_tokens', 'i64', ['rows']);
  body.input('step_ended', 'bool', ['rows']);
  for (const { name, dims } of caches) body.input(`step_${name}`, 'f32', dims);
  const stepCaches = names.map((name) => `step_${name}`);
  const result = plan.step({
    root: graph,
    body,
    tokens: 'step_tokens',
    caches: stepCaches,
    read: (name) => name,
    texts: null,
  });
  const chosen = forcedOr(body, result.hidden, (input) => greedyToken(graph, body, source, input, plan.head));
  const { next, ended, goOn } = endRows(body, chosen, end, 'stop_alive');
  const grown = (dims: readonly Dimension[]) => dims.map((dim) => (dim === 'past' ? 'all' : dim));
  body.output(goOn, 'bool', []);
  body.output(body.op('Identity', [next]), 'i64', ['rows']);
  body.output(body.op('Identity', [ended]), 'bool', ['rows']);
  result.caches.forEach((value, i) => {
    body.output(value, 'f32', grown(caches[i]?.dims ?? []));
  });
  body.output(next, 'i64', ['rows']);
  const measured = [...(source.measured?.get(body) ?? [])];
  for (const [, scale] of measured) body.output(scale, 'f32', [1]);

  const nothingEnded = graph.op('Expand', [graph.constant('bool', 0), graph.op('Shape', ['tokens'])]);
  const steps = graph.op('Squeeze', [graph.op('Shape', ['forced'])]);
  const scales = measured.map(([site]) => `${SCALE}${site}`);
  const states = [graph.name('tokens'), graph.name('ended'), ...names.map((name) => `next_${name}`)];
  const outputs = [...states, 'generated', ...scales];
  graph.ops('Loop', [steps, graph.constant('bool', 1), 'tokens', nothingEnded, ...names], outputs, { body });
  for (const { name, dims } of caches) graph.output(`next_${name}`, 'f32', grown(dims));
  graph.output('generated', 'i64', ['done', 'rows']);
  for (const scale of scales) graph.output(scale, 'f32', ['done', 1]);
  return encodeModel(graph);
}

/**
 * The token that this step forces, else the best token. With a forced token the head gets no rows: the logits are nearly half
 * of a step's products in BART-base.
 *
 * This is not a branch of an If. onnxruntime packs the matrix of a product when a session opens, but not a matrix that comes
 * from two graphs further out. A product without a packed matrix has other bits for one row than for two
 * (docs/decisions/engine-batch-independence.md).
 */
function forcedOr(body: Graph, hidden: Operand, findBest: (input: Operand) => string): string {
  const { constant, op } = body;
  const forced = op('Gather', ['forced', 'iteration']);
  const rows = op('Shape', ['step_tokens']);
  const isFree = op('Cast', [op('Less', [forced, constant('i64', 0)])], { to: INT64 });
  const best = findBest(firstRows(body, hidden, op('Mul', [rows, isFree])));
  const rest = op('Sub', [rows, op('Shape', [best])]);
  return op('Concat', [best, op('Expand', [forced, rest])], { axis: 0 });
}

/** @param count int64 [1] */
function firstRows(graph: Graph, input: Operand, count: string): Operand {
  const first = (value: string) =>
    graph.op('Slice', [value, graph.constant('i64', [0]), count, graph.constant('i64', [0])]);
  const { values, exact, quantized } = input;
  const quantizedRows = (known: Quantized): Quantized => ({
    ...known,
    values: first(known.values),
    rowScales: known.rowScales === null ? null : first(known.rowScales),
  });
  return { values: first(values), exact, quantized: quantized && ((layer) => quantizedRows(quantized(layer))) };
}

/** Pads rows that have ended, and says whether another step is worthwhile. */
export function endRows(body: Graph, chosen: string, { endTokens, padToken }: EndTokens, stopAlive: string) {
  const next = body.op('Where', ['step_ended', body.constant('i64', padToken), chosen]);
  let ended = 'step_ended';
  for (const token of endTokens) ended = body.op('Or', [ended, body.op('Equal', [next, body.constant('i64', token)])]);
  const alive = body.op('ReduceSum', [body.op('Cast', [body.op('Not', [ended])], { to: INT64 })], { keepdims: 0 });
  return { next, ended, goOn: body.op('Greater', [alive, stopAlive]) };
}
