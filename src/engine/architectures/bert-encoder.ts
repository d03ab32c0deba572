import type { Fields } from '../checkpoint/config/fields.ts';
import type { Tensors } from '../checkpoint/weights/tensors.ts';
import { additiveMask, attendAll, attendFromOne, closeAttention, feedForward, projectAll } from '../compile/blocks.ts';
import { type Activation, createLayers, type Layers, type Source } from '../compile/layers.ts';
import { createGraph, type Graph } from '../onnx/graph.ts';
import { readActivation } from './activations.ts';

/** Shape of the encoder that BERT and RoBERTa have in common (transformers, models/bert and models/roberta). */
export interface BertShape {
  readonly size: number;
  readonly vocabulary: number;
  readonly positionRows: number;
  readonly padToken: number;
  /**
   * Positions count the tokens that are not padding, from `padToken + 1` on, as RoBERTa's do: the first rows of the table are
   * never used. BERT's count all, from 0.
   */
  readonly positionsAfterPadding: boolean;
  readonly tokenTypes: number;
  readonly layers: number;
  readonly heads: number;
  readonly inner: number;
  readonly activation: Activation;
  readonly epsilon: number;
}

/** Defaults are those of BertConfig and RobertaConfig, where they agree. */
export function readBertShape(
  fields: Fields,
  family: { readonly vocabulary: number; readonly padToken: number; readonly positionsAfterPadding: boolean },
): BertShape {
  if (fields.string('position_embedding_type', 'absolute') !== 'absolute') {
    throw fields.error('position_embedding_type must be "absolute"');
  }
  if (fields.boolean('is_decoder', false)) {
    throw fields.error('is_decoder = true is not supported: an encoder reads both ways');
  }
  if (fields.raw('quantization_config') !== undefined) {
    throw fields.error('quantization_config is set: only float weights can be read');
  }
  const size = fields.size('hidden_size', 768);
  const heads = fields.size('num_attention_heads', 12);
  if (size % heads !== 0) throw fields.error(`hidden_size ${size} is no multiple of num_attention_heads ${heads}`);
  return {
    size,
    heads,
    activation: readActivation(fields, 'hidden_act', 'gelu'),
    vocabulary: fields.size('vocab_size', family.vocabulary),
    positionRows: fields.size('max_position_embeddings', 512),
    padToken: fields.raw('pad_token_id') == null ? family.padToken : fields.integer('pad_token_id'),
    positionsAfterPadding: family.positionsAfterPadding,
    tokenTypes: fields.size('type_vocab_size', 2),
    layers: fields.size('num_hidden_layers', 12),
    inner: fields.size('intermediate_size', 3072),
    epsilon: fields.number('layer_norm_eps', 1e-12),
  };
}

/** Longest input in tokens. */
export function windowOf({ positionRows, padToken, positionsAfterPadding }: BertShape): number {
  return positionsAfterPadding ? positionRows - padToken - 1 : positionRows;
}

/**
 * The encoder's tensors without the prefix that classes with a head give them; and under today's names for the norms, which
 * the first BERT files call gamma and beta.
 */
export function bertTensors(tensors: Tensors, prefix: string): Tensors {
  const inFile = (name: string): string => {
    const old = name
      .replace(/\.LayerNorm\.weight$/, '.LayerNorm.gamma')
      .replace(/\.LayerNorm\.bias$/, '.LayerNorm.beta');
    const candidates = [name, `${prefix}${name}`, old, `${prefix}${old}`];
    const missing = /^(embeddings|encoder|pooler)\./.test(name) ? `${prefix}${name}` : name;
    return candidates.find((candidate) => tensors.has(candidate)) ?? missing;
  };
  return {
    infos: tensors.infos,
    has: (name) => tensors.has(inFile(name)),
    read: (name, shape) => tensors.read(inFile(name), shape),
    close: () => tensors.close(),
  };
}

/** The graph of an encoder, to be continued with what is made of its hidden values. */
export interface BertGraph {
  readonly graph: Graph;
  /** Layers in fp32, for a head: it is small and decides. */
  readonly exact: Layers;
  /** fp32 [rows, size] for `first`, [rows × length, size] for `all`. */
  readonly hidden: string;
  /** Shape of the tokens, int64 [2]. */
  readonly shape: string;
}

/**
 * Input: `tokens` int64 [rows, length], rows of one length; or, where the source says padded, with a `mask`.
 *
 * @param source with tensors named as `bertTensors` names them
 * @param wanted of which tokens the hidden values are needed. For the first alone, only that is computed in the last layer:
 *   exact, and 8 % faster on a base-size model.
 */
export function bertGraph(source: Source, config: BertShape, wanted: 'first' | 'all'): BertGraph {
  const graph = createGraph('classifier');
  const layers = createLayers(graph, graph, source);
  const { size, heads } = config;
  const attention = { size, heads, headSize: size / heads };
  graph.input('tokens', 'i64', ['rows', 'length']);
  if (source.padded) graph.input('mask', 'i32', ['rows', 'length']);
  const shape = graph.op('Shape', ['tokens']);
  const shape3d = graph.op('Concat', [shape, graph.constant('i64', [size])], { axis: 0 });

  let hidden = embed(layers, config);
  for (let layer = 0; layer < config.layers; layer++) {
    const name = `encoder.layer.${layer}`;
    const own = `${name}.attention.self`;
    const names = { query: `${own}.query`, key: `${own}.key`, value: `${own}.value` };
    const firstOnly = wanted === 'first' && layer === config.layers - 1;
    const rows = firstOnly ? 'first tokens' : 'tokens';
    const input = layers.operand(hidden, { rows: 'tokens' });
    let attended: string;
    if (firstOnly) {
      const shape4d = graph.op('Concat', [shape, graph.constant('i64', [heads, size / heads])], { axis: 0 });
      const split = (value: string) =>
        graph.op('Transpose', [graph.op('Reshape', [value, shape4d])], { perm: [0, 2, 1, 3] });
      const keys = split(layers.linear(input, names.key, size, size, { bias: null }));
      const values = split(layers.linear(input, names.value, size, size, { bias: null }));
      hidden = graph.op('Gather', [graph.op('Reshape', [hidden, shape3d]), graph.constant('i64', 0)], { axis: 1 });
      const multiplier = 1 / Math.sqrt(size / heads);
      const query = layers.linear(layers.operand(hidden, { rows }), names.query, size, size, { multiplier });
      const mask = source.padded ? additiveMask(graph) : null;
      attended = attendFromOne(layers, attention, query, { keys, values, mask, texts: null });
    } else {
      attended = attendAll(layers, attention, projectAll(layers, attention, names, input), { shape3d });
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
  return { graph, exact: createLayers(graph, graph, { ...source, precision: 'fp32' }), hidden, shape };
}

/** Words + positions + token type 0, normalised; fp32 [tokens, size]. */
function embed(layers: Layers, config: BertShape): string {
  const { size, vocabulary, positionRows, tokenTypes, epsilon } = config;
  const { graph, tensors } = layers;
  const words = layers.table('embeddings.word_embeddings.weight', [vocabulary, size]);
  const places = layers.computed('embeddings.places', [positionRows, size], () => {
    const type = tensors.read('embeddings.token_type_embeddings.weight', [tokenTypes, size]);
    const table = tensors.read('embeddings.position_embeddings.weight', [positionRows, size]);
    return table.map((value, i) => value + (type[i % size] ?? 0));
  });
  const sum = graph.op('Add', [
    layers.exact(graph.op('Gather', [words, 'tokens'])),
    graph.op('Gather', [places, positionsOf(graph, config)]),
  ]);
  const flat = graph.op('Reshape', [sum, graph.constant('i64', [-1, size])]);
  return layers.layerNorm(flat, 'embeddings.LayerNorm', size, epsilon);
}

/**
 * Rows of the position table. As in transformers, RoBERTa's position of the padding token itself, should a text hold it, is
 * `padToken`.
 */
function positionsOf(graph: Graph, { padToken, positionsAfterPadding }: BertShape): string {
  if (!positionsAfterPadding) {
    const length = graph.op('Squeeze', [graph.op('Shape', ['tokens'], { start: 1, end: 2 })]);
    return graph.op('Range', [graph.constant('i64', 0), length, graph.constant('i64', 1)]);
  }
  const pad = graph.constant('i64', padToken);
  const counted = graph.op('Cast', [graph.op('Not', [graph.op('Equal', ['tokens', pad])])], { to: 7 });
  const count = graph.op('Mul', [graph.op('CumSum', [counted, graph.constant('i64', 1)]), counted]);
  return graph.op('Add', [count, pad]);
}
