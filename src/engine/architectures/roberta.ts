import type { Fields } from '../checkpoint/fields.ts';
import type { Source } from '../compile/layers.ts';
import { encodeModel } from '../onnx/graph.ts';
import { type BertShape, bertGraph, bertTensors, readBertShape, windowOf } from './bert-encoder.ts';
import { type Classifier, readLabels, requireHead } from './classifier.ts';
import { type Encoder, pooledGraph } from './encoder.ts';

const PREFIX = 'roberta.';

export function readRobertaConfig(fields: Fields): BertShape {
  return readBertShape(fields, { vocabulary: 50265, padToken: 1, positionsAfterPadding: true });
}

/** `RobertaForSequenceClassification` (transformers, models/roberta): dense, tanh and out_proj over the first token. */
export function robertaClassifier(fields: Fields): Classifier {
  const config = readRobertaConfig(fields);
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
  requireHead(tensors, 'classifier.out_proj.weight');
  const { graph, exact, hidden } = bertGraph({ ...source, tensors }, config, 'first');
  const dense = graph.op('Tanh', [exact.linear(exact.operand(hidden), 'classifier.dense', size, size)]);
  const logits = exact.linear(exact.operand(dense), 'classifier.out_proj', size, labels);
  graph.op('Identity', [logits], {}, { outputs: ['logits'] });
  graph.output('logits', 'f32', ['rows', labels]);
  return encodeModel(graph);
}

/** `RobertaModel`, and the encoder of `RobertaForMaskedLM`. */
export function robertaEncoder(fields: Fields): Encoder {
  const config = readRobertaConfig(fields);
  return {
    size: config.size,
    vocabulary: config.vocabulary,
    window: windowOf(config),
    padToken: config.padToken,
    graph: (source, pooling) => pooledGraph(source, config, PREFIX, pooling),
  };
}
