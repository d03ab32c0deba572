import type { Fields } from '../checkpoint/fields.ts';
import { attendAll, attendFromOne, closeAttention, feedForward, MASKED, projectAll } from '../compile/blocks.ts';
import { type Activation, createLayers, type Layers, type Source } from '../compile/layers.ts';
import { createGraph, encodeModel, type Graph } from '../onnx/graph.ts';

/** Shape of a `RobertaForSequenceClassification` (transformers, models/roberta) with two labels. */
export interface RobertaConfig {
  readonly size: number;
  readonly vocabulary: number;
  /** Rows of the position table; the first `padToken + 1` are never used. */
  readonly positionRows: number;
  readonly padToken: number;
  readonly tokenTypes: number;
  readonly layers: number;
  readonly heads: number;
  readonly inner: number;
  readonly activation: Activation;
  readonly epsilon: number;
  /** In the order of the logits. */
  readonly labels: readonly string[];
  /** Index of the label that means toxic. */
  readonly toxicLabel: number;
}

const LABELS = 2;

export function readRobertaConfig(fields: Fields): RobertaConfig {
  const activation = fields.string('hidden_act', 'gelu');
  if (activation !== 'gelu' && activation !== 'relu') {
    throw fields.error(`hidden_act "${activation}" is not supported: gelu and relu are`);
  }
  if (fields.string('position_embedding_type', 'absolute') !== 'absolute') {
    throw fields.error('position_embedding_type must be "absolute"');
  }
  if (fields.boolean('is_decoder', false))
    throw fields.error('is_decoder = true is not supported: a classifier reads both ways');
  const problem = fields.raw('problem_type') ?? 'single_label_classification';
  if (problem !== 'single_label_classification')
    throw fields.error(`problem_type ${JSON.stringify(problem)} is not supported`);
  if (fields.raw('quantization_config') !== undefined)
    throw fields.error('quantization_config is set: only float weights can be read');
  const size = fields.size('hidden_size');
  const heads = fields.size('num_attention_heads');
  if (size % heads !== 0) throw fields.error(`hidden_size ${size} is no multiple of num_attention_heads ${heads}`);
  return {
    size,
    heads,
    activation,
    vocabulary: fields.size('vocab_size'),
    positionRows: fields.size('max_position_embeddings'),
    padToken: fields.integer('pad_token_id', 1),
    tokenTypes: fields.size('type_vocab_size', 2),
    layers: fields.size('num_hidden_layers'),
    inner: fields.size('intermediate_size'),
    epsilon: fields.number('layer_norm_eps', 1e-12),
    labels: readLabels(fields),
    toxicLabel: readToxicLabel(fields),
  };
}

function readLabels(fields: Fields): string[] {
  const labels = fields.raw('id2label');
  const names = new Map(typeof labels === 'object' && labels !== null ? Object.entries(labels) : []);
  return Array.from({ length: LABELS }, (_, label) => String(names.get(String(label)) ?? `LABEL_${label}`));
}

/** The label named "toxic", or 1 where the labels have no names. Anything else could be the wrong way round. */
function readToxicLabel(fields: Fields): number {
  const labels = fields.raw('id2label');
  if (labels === undefined) return 1;
  const names = typeof labels === 'object' && labels !== null ? Object.entries(labels) : [];
  if (names.length !== LABELS) {
    throw fields.error(`id2label has ${names.length} labels: a scorer has two, neutral and toxic`);
  }
  const toxic = names.find(([, name]) => String(name).toLowerCase() === 'toxic');
  if (toxic) return Number(toxic[0]);
  if (names.every(([, name]) => /^LABEL_[01]$/.test(String(name)))) return 1;
  throw fields.error(`id2label names no label "toxic" but ${names.map(([, name]) => String(name)).join(' and ')}`);
}

/**
 * The classifier. In its last layer only the first token is computed, since the head looks at no other: exact, and
 * 8 % faster on a base-size model.
 *
 * Inputs: `tokens` int64 [rows, length], `mask` int32 [rows, length] (1 for a token, 0 for padding).
 * Output: `logits` fp32 [rows, 2].
 */
export function robertaClassifier(source: Source, config: RobertaConfig): Uint8Array {
  const graph = createGraph('classifier');
  const layers = createLayers(graph, graph, source);
  const { size, heads } = config;
  const shape = { size, heads, headSize: size / heads };
  graph.input('tokens', 'i64', ['rows', 'length']);
  graph.input('mask', 'i32', ['rows', 'length']);
  const tokens = graph.op('Shape', ['tokens']);
  const shape3d = graph.op('Concat', [tokens, graph.constant('i64', [size])], { axis: 0 });
  const shape4d = graph.op('Concat', [tokens, graph.constant('i64', [heads, size / heads])], { axis: 0 });
  const split = (value: string) =>
    graph.op('Transpose', [graph.op('Reshape', [value, shape4d])], { perm: [0, 2, 1, 3] });

  let hidden = embed(layers, config);
  for (let layer = 0; layer < config.layers; layer++) {
    const name = `roberta.encoder.layer.${layer}`;
    const own = `${name}.attention.self`;
    const names = { query: `${own}.query`, key: `${own}.key`, value: `${own}.value` };
    const last = layer === config.layers - 1;
    const rows = last ? 'first tokens' : 'tokens';
    const input = layers.operand(hidden, { rows: 'tokens' });
    let attended: string;
    if (last) {
      const keys = split(layers.linear(input, names.key, size, size, { bias: null }));
      const values = split(layers.linear(input, names.value, size, size, { bias: null }));
      hidden = graph.op('Gather', [graph.op('Reshape', [hidden, shape3d]), graph.constant('i64', 0)], { axis: 1 });
      const multiplier = 1 / Math.sqrt(size / heads);
      const query = layers.linear(layers.operand(hidden, { rows }), names.query, size, size, { multiplier });
      attended = attendFromOne(layers, shape, query, { keys, values, mask: additiveMask(graph), texts: null });
    } else {
      attended = attendAll(layers, shape, projectAll(layers, shape, names, input), { shape3d, mask: 'mask' });
    }
    const output = `${name}.attention.output`;
    const closing = { output: `${output}.dense`, value: names.value, norm: `${output}.LayerNorm` };
    hidden = closeAttention(layers, config, closing, { attended, residual: hidden, rows });
    const forward = {
      open: `${name}.intermediate.dense`,
      close: `${name}.output.dense`,
      norm: `${name}.output.LayerNorm`,
    };
    hidden = feedForward(layers, config, forward, hidden, rows);
  }
  // The head is small and decides: it stays in fp32.
  const exact = createLayers(graph, graph, { ...source, precision: 'fp32' });
  const dense = graph.op('Tanh', [exact.linear(exact.operand(hidden), 'classifier.dense', size, size)]);
  const logits = exact.linear(exact.operand(dense), 'classifier.out_proj', size, LABELS);
  graph.op('Identity', [logits], {}, { outputs: ['logits'] });
  graph.output('logits', 'f32', ['rows', LABELS]);
  return encodeModel(graph);
}

/** 0 for a token, -1e9 for padding; fp32 [rows, 1, 1, length]. */
function additiveMask(graph: Graph): string {
  const isToken = graph.op('Cast', ['mask'], { to: 9 });
  const values = graph.op('Where', [isToken, graph.constant('f32', 0), graph.constant('f32', MASKED)]);
  return graph.op('Unsqueeze', [values, graph.constant('i64', [1, 2])]);
}

/**
 * Words + positions + token type 0, normalised; fp32 [tokens, size]. As in transformers, a position counts the tokens
 * so far that are not the padding token, and the padding token itself, should a text hold it, has position `padToken`.
 */
function embed(layers: Layers, config: RobertaConfig): string {
  const { size, vocabulary, positionRows, padToken, tokenTypes, epsilon } = config;
  const { graph, tensors } = layers;
  const prefix = 'roberta.embeddings';
  const words = layers.parameter(`${prefix}.word_embeddings.weight`, [vocabulary, size]);
  const places = layers.computed(`${prefix}.places`, [positionRows, size], () => {
    const type = tensors.read(`${prefix}.token_type_embeddings.weight`, [tokenTypes, size]);
    const table = tensors.read(`${prefix}.position_embeddings.weight`, [positionRows, size]);
    return table.map((value, i) => value + (type[i % size] ?? 0));
  });
  const pad = graph.constant('i64', padToken);
  const counted = graph.op('Cast', [graph.op('Not', [graph.op('Equal', ['tokens', pad])])], { to: 7 });
  const count = graph.op('Mul', [graph.op('CumSum', [counted, graph.constant('i64', 1)]), counted]);
  const position = graph.op('Gather', [places, graph.op('Add', [count, pad])]);
  const sum = graph.op('Add', [graph.op('Gather', [words, 'tokens']), position]);
  const flat = graph.op('Reshape', [sum, graph.constant('i64', [-1, size])]);
  return layers.layerNorm(flat, `${prefix}.LayerNorm`, size, epsilon);
}
