import type { Fields } from '../checkpoint/config/fields.ts';
import { outputScales } from '../compile/activations.ts';
import type { Source } from '../compile/layers.ts';
import { encodeModel } from '../onnx/graph.ts';
import { type BertShape, bertGraph, bertTensors, readBertShape, windowOf } from './bert-encoder.ts';
import { type Classifier, readLabels, requireHead } from './classifier.ts';
import { type Encoder, pooledGraph } from './encoder.ts';

/** What tells the classes of one model family (transformers, models/bert and models/roberta) from those of the other. */
export interface BertFamily {
  /** Before the encoder's tensor names in classes with a head. */
  readonly prefix: string;
  /** Where the config is silent. */
  readonly defaults: Parameters<typeof readBertShape>[1];
  /** The classifier's head: tanh of the first layer over the first token, then the second. */
  readonly head: readonly [dense: string, output: string];
}

/** The sequence classifier of a family. */
export function bertFamilyClassifier(family: BertFamily, fields: Fields): Classifier {
  const config = readBertShape(fields, family.defaults);
  const labels = readLabels(fields);
  const graph = (source: Source) => classifierGraph(family, source, config, labels.labels.length);
  return { ...labels, ...facts(config), graph };
}

/** The bare encoder of a family, also of classes that put a language-model head on it. */
export function bertFamilyEncoder({ prefix, defaults }: BertFamily, fields: Fields): Encoder {
  const config = readBertShape(fields, defaults);
  return { ...facts(config), graph: (source, pooling) => pooledGraph(source, config, prefix, pooling) };
}

function facts(config: BertShape) {
  const { size, vocabulary, padToken } = config;
  return { size, vocabulary, padToken, window: windowOf(config) };
}

function classifierGraph(family: BertFamily, source: Source, config: BertShape, labels: number): Uint8Array {
  const { size } = config;
  const [dense, output] = family.head;
  const tensors = bertTensors(source.tensors, family.prefix);
  requireHead(tensors, `${output}.weight`);
  const { graph, exact, hidden } = bertGraph({ ...source, tensors }, config, 'first');
  const active = graph.op('Tanh', [exact.linear(exact.operand(hidden), dense, size, size)]);
  const logits = exact.linear(exact.operand(active), output, size, labels);
  graph.output('logits', 'f32', ['rows', labels], logits);
  outputScales(graph, source.measured);
  return encodeModel(graph);
}
