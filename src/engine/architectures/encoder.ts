import type { Tensors } from '../checkpoint/weights/tensors.ts';
import type { Source } from '../compile/layers.ts';
import { createLayers } from '../compile/layers.ts';
import { encodeModel, type Graph } from '../onnx/graph.ts';
import { type BertShape, bertGraph, bertTensors } from './bert-encoder.ts';

/** How one vector is made of a text's hidden values (sentence-transformers: modules.json). */
export interface Pooling {
  /** The mean over the text's tokens, or the first token. */
  readonly of: 'mean' | 'first';
  /** A layer after that: tanh(x Wᵀ + b), as LaBSE has it; null for none. */
  readonly dense: { readonly tensors: Tensors; readonly outputs: number; readonly tanh: boolean } | null;
}

/** What the engine needs to know of a class of checkpoints that give texts vectors. */
export interface Encoder {
  readonly size: number;
  readonly vocabulary: number;
  /** Longest input in tokens that the positions allow. */
  readonly window: number;
  /** Inputs as `Classifier.graph`. Output: `embeddings` fp32 [rows, features], not yet of unit length. */
  graph(source: Source, pooling: Pooling): Uint8Array;
}

/** The encoder of BERT or RoBERTa with a pooling on top. */
export function pooledGraph(source: Source, config: BertShape, prefix: string, pooling: Pooling): Uint8Array {
  const { size } = config;
  const tensors = bertTensors(source.tensors, prefix);
  const wanted = pooling.of === 'first' ? 'first' : 'all';
  const { graph, hidden, shape } = bertGraph({ ...source, tensors }, config, wanted);
  let pooled = pooling.of === 'first' ? hidden : mean(graph, hidden, shape, size);
  let outputs = size;
  if (pooling.dense) {
    const exact = createLayers(graph, graph, { ...source, tensors: pooling.dense.tensors, precision: 'fp32' });
    const projected = exact.linear(exact.operand(pooled), 'linear', size, pooling.dense.outputs);
    pooled = pooling.dense.tanh ? graph.op('Tanh', [projected]) : projected;
    outputs = pooling.dense.outputs;
  }
  graph.output('embeddings', 'f32', ['rows', outputs], pooled);
  return encodeModel(graph);
}

/** Mean over the tokens of each text, as a product: a reduction does not promise a text the same bits in any batch. */
function mean(graph: Graph, hidden: string, shape: string, size: number): string {
  const shape3d = graph.op('Concat', [shape, graph.constant('i64', [size])], { axis: 0 });
  const length = graph.op('Slice', [shape, graph.constant('i64', [1]), graph.constant('i64', [2])]);
  const ones = graph.op('Expand', [
    graph.constant('f32', 1),
    graph.op('Concat', [graph.constant('i64', [1, 1]), length], { axis: 0 }),
  ]);
  const sum = graph.op('MatMul', [ones, graph.op('Reshape', [hidden, shape3d])]);
  const flat = graph.op('Reshape', [sum, graph.constant('i64', [-1, size])]);
  return graph.op('Div', [flat, graph.op('Cast', [length], { to: 1 })]);
}
