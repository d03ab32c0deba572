import type { Fields } from '../../checkpoint/config/fields.ts';
import { outputScales } from '../../compile/activations.ts';
import { createLayers, type Source } from '../../compile/layers.ts';
import { encodeModel, type Graph } from '../../onnx/graph.ts';
import { type Classifier, readLabels, requireHead } from '../classifier.ts';
import type { Encoder, Pooling } from '../encoder.ts';
import { type BertFamily, type RunnableBert, readRunnableBert, windowOf } from './config.ts';
import { bertGraph, bertTensors } from './encoder-graph.ts';

/** The two uses of a family: the classifier, and the bare encoder of every class without a classifier head. */
interface Heads {
  classifier(fields: Fields): Classifier;
  encoder(fields: Fields): Encoder;
}

export function headsOf(family: BertFamily): Heads {
  const read = (fields: Fields) => {
    const config = readRunnableBert(fields, family);
    const { size, vocabulary, padToken } = config;
    return { config, facts: { size, vocabulary, padToken, window: windowOf(config, family) } };
  };
  return {
    classifier(fields) {
      const { config, facts } = read(fields);
      const labels = readLabels(fields);
      const graph = (source: Source) => classifierGraph(family, source, config, labels.labels.length);
      return { ...labels, ...facts, graph };
    },
    encoder(fields) {
      const { config, facts } = read(fields);
      return { ...facts, graph: (source, pooling) => pooledGraph(source, config, family, pooling) };
    },
  };
}

function classifierGraph(family: BertFamily, source: Source, config: RunnableBert, labels: number): Uint8Array {
  const { size } = config;
  const [dense, output] = family.head;
  const tensors = bertTensors(source.tensors, `${family.base}.`);
  requireHead(tensors, `${output}.weight`);
  const { graph, exact, hidden } = bertGraph({ ...source, tensors }, config, 'first');
  const active = graph.op('Tanh', [exact.linear(exact.operand(hidden), dense, size, size)]);
  const logits = exact.linear(exact.operand(active), output, size, labels);
  graph.output('logits', 'f32', ['rows', labels], logits);
  outputScales(graph, source.measured);
  return encodeModel(graph);
}

/** The encoder with a pooling on top. */
function pooledGraph(source: Source, config: RunnableBert, { base }: BertFamily, pooling: Pooling): Uint8Array {
  const { size } = config;
  const tensors = bertTensors(source.tensors, `${base}.`);
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

/** Mean over the tokens of each text, computed as a product. A reduction does not guarantee the same bits in every batch. */
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
