import type { Fields } from '../checkpoint/fields.ts';
import type { Source } from '../compile/layers.ts';
import { encodeModel } from '../onnx/graph.ts';
import { type BertShape, bertGraph, bertTensors, readBertShape, windowOf } from './bert-encoder.ts';
import { type Classifier, readLabels, requireHead } from './classifier.ts';
import { type Encoder, pooledGraph } from './encoder.ts';

const PREFIX = 'bert.';

export function readBertConfig(fields: Fields): BertShape {
  return readBertShape(fields, { vocabulary: 30522, padToken: 0, positionsAfterPadding: false });
}

/** `BertForSequenceClassification` (transformers, models/bert): the pooler (dense, tanh) over the first token, and one matrix. */
export function bertClassifier(fields: Fields): Classifier {
  const config = readBertConfig(fields);
  const labels = readLabels(fields);
  return {
    ...labels,
    size: config.size,
    vocabulary: config.vocabulary,
    window: windowOf(config),
    padToken: config.padToken,
    graph: (source) => classifierGraph(source, config, labels.labels.length),
  };
}

function classifierGraph(source: Source, config: BertShape, labels: number): Uint8Array {
  const { size } = config;
  const tensors = bertTensors(source.tensors, PREFIX);
  requireHead(tensors, 'classifier.weight');
  const { graph, exact, hidden } = bertGraph({ ...source, tensors }, config, 'first');
  const pooled = graph.op('Tanh', [exact.linear(exact.operand(hidden), 'pooler.dense', size, size)]);
  const logits = exact.linear(exact.operand(pooled), 'classifier', size, labels);
  graph.op('Identity', [logits], {}, { outputs: ['logits'] });
  graph.output('logits', 'f32', ['rows', labels]);
  return encodeModel(graph);
}

/** `BertModel`, and the encoder of classes that put a language-model head on it. */
export function bertEncoder(fields: Fields): Encoder {
  const config = readBertConfig(fields);
  return {
    size: config.size,
    vocabulary: config.vocabulary,
    window: windowOf(config),
    padToken: config.padToken,
    graph: (source, pooling) => pooledGraph(source, config, PREFIX, pooling),
  };
}
