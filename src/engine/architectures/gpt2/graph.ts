import type { Fields } from '../../checkpoint/config/fields.ts';
import {
  type AttentionShape,
  attendAll,
  attendFromOneToBoth,
  projectAll,
  projectAttention,
  projectForward,
} from '../../compile/blocks.ts';
import type { DecoderPlan, Step, StepResult } from '../../compile/decoder-plan.ts';
import { type HeadShape, logitSlices } from '../../compile/language-model-head.ts';
import { type Activation, createLayers, type Layers, type Source } from '../../compile/layers.ts';
import { chosenTokens } from '../../compile/top-tokens.ts';
import { createGraph, encodeModel, type Graph } from '../../onnx/graph.ts';
import type { DecoderShape } from '../../onnx/values.ts';
import { computedActivation, refuseQuantized } from '../config-fields.ts';
import {
  appendToCache,
  cachesOf,
  crossOf,
  crossSources,
  crossValues,
  type LanguageModel,
  tokenInputs,
} from '../generator.ts';
import { type Gpt2Config, readGpt2Config } from './config.ts';
import { gpt2Tensors } from './tensors.ts';

/** A config that the graphs can follow. */
type RunnableGpt2 = Omit<Gpt2Config, 'activation'> & { readonly activation: Activation };

function readRunnable(fields: Fields): RunnableGpt2 {
  if (fields.boolean('add_cross_attention', false)) {
    throw fields.error('add_cross_attention = true is not supported: GPT-2 alone is, without an encoder');
  }
  refuseQuantized(fields);
  const config = readGpt2Config(fields);
  return { ...config, activation: computedActivation(fields, 'activation_function', config.activation) };
}

export function gpt2Generator(fields: Fields): LanguageModel {
  const config = readRunnable(fields);
  const view = (source: Source): Source => ({ ...source, tensors: gpt2Tensors(source.tensors, config.size) });
  return {
    shape: decoderShape(config),
    size: config.size,
    vocabulary: config.vocabulary,
    inputPositions: config.positions,
    defaultWindow: config.positions,
    positions: config.positions,
    decoderOnly: true,
    generationDefaults: { bos_token_id: 50256, eos_token_id: 50256 },
    encoder: (graph, source) => prefill(graph, view(source), config),
    decoder: (source) => withFileNames(decoder(view(source), config), source),
    boundary: fields.integerOrNull('bos_token_id') ?? fields.integerOrNull('eos_token_id') ?? 50256,
    likelihood: (source) => likelihood(view(source), config),
  };
}

function decoderShape({ layers, heads, size }: Gpt2Config): DecoderShape {
  return { layers, heads, headSize: size / heads };
}

function attentionOf({ size, heads }: Gpt2Config): AttentionShape {
  return { size, heads, headSize: size / heads };
}

/** Factor of the scores in a layer. */
function scaleOf({ scaled, scaledByLayer, size, heads }: Gpt2Config, layer: number): number {
  return (scaled ? 1 / Math.sqrt(size / heads) : 1) / (scaledByLayer ? layer + 1 : 1);
}

function tablesOf(layers: Layers, { size, vocabulary, positions }: Gpt2Config) {
  return {
    words: layers.table('wte.weight', [vocabulary, size]),
    places: layers.parameter('wpe.weight', [positions, size]),
  };
}

/** The part of a layer after its attention: hidden + projection, then the feed-forward part on top. */
function closeLayer(layers: Layers, config: RunnableGpt2, layer: number, attended: string, hidden: string): string {
  const { size, inner, activation, epsilon } = config;
  const { graph } = layers;
  const name = `h.${layer}`;
  const names = { output: `${name}.attn.c_proj`, value: `${name}.attn.value` };
  const sum = graph.op('Add', [projectAttention(layers, size, names, attended), hidden]);
  const input = layers.operand(layers.layerNorm(sum, `${name}.ln_2`, size, epsilon));
  const forward = { open: `${name}.mlp.c_fc`, close: `${name}.mlp.c_proj` };
  return graph.op('Add', [projectForward(layers, { size, inner, activation }, forward, input), sum]);
}

const namesOf = (layer: number) => ({
  query: `h.${layer}.attn.query`,
  key: `h.${layer}.attn.key`,
  value: `h.${layer}.attn.value`,
});

/** The head is built from the file's own names, not from the names of the view. */
function withFileNames(plan: DecoderPlan, { tensors }: Source): DecoderPlan {
  const { weight } = plan.head;
  return tensors.has(weight) ? plan : { ...plan, head: { ...plan.head, weight: `transformer.${weight}` } };
}

/**
 * Reads all tokens of a text at once.
 *
 * @param layerCount number of layers whose hidden values are needed; the next layer gives its keys and values only
 */
function readAll(layers: Layers, config: RunnableGpt2, layerCount: number) {
  const { size, epsilon } = config;
  const { graph } = layers;
  const { tokens, length, shape } = tokenInputs(graph);
  const { words, places } = tablesOf(layers, config);
  const positions = graph.op('Range', [graph.constant('i64', 0), length, graph.constant('i64', 1)]);
  const shape3d = graph.op('Concat', [shape, graph.constant('i64', [size])], { axis: 0 });
  const sum = graph.op('Add', [
    layers.exact(graph.op('Gather', [words, tokens])),
    graph.op('Gather', [places, positions]),
  ]);

  let hidden = graph.op('Reshape', [sum, graph.constant('i64', [-1, size])]);
  const outputs: { key: string; value: string }[] = [];
  for (let layer = 0; layer < config.layers; layer++) {
    const input = layers.operand(layers.layerNorm(hidden, `h.${layer}.ln_1`, size, epsilon));
    const projected = projectAll(layers, attentionOf(config), namesOf(layer), input);
    outputs.push(projected);
    if (layer === layerCount) break;
    const options = { shape3d, scale: scaleOf(config, layer), causal: true };
    const attended = attendAll(layers, attentionOf(config), projected, options);
    hidden = closeLayer(layers, config, layer, attended, hidden);
  }
  return { hidden, outputs, shape };
}

/** The keys and values of a prompt. */
function prefill(graph: Graph, source: Source, config: RunnableGpt2): void {
  const layers = createLayers(graph, graph, source);
  // The hidden values after the last layer are not needed.
  const { outputs, shape } = readAll(layers, config, config.layers - 1);
  crossValues(layers, decoderShape(config), shape, (layer, part) => outputs[layer]?.[part] ?? '');
}

function likelihood(source: Source, config: RunnableGpt2): Uint8Array {
  const graph = createGraph('likelihood');
  const layers = createLayers(graph, graph, source);
  const { hidden } = readAll(layers, config, config.layers);
  const next = graph.input('next', 'i64', ['rows', 'length']);
  const output = layers.operand(layers.layerNorm(hidden, 'ln_f', config.size, config.epsilon));
  const chosen = graph.op('Reshape', [next, graph.constant('i64', [-1, 1])]);
  const slices = logitSlices(graph, graph, source, output, headOf(config), true);
  const best = chosenTokens(graph, slices, chosen);
  graph.op('Reshape', [best.chosen, graph.op('Shape', [next])], {}, { outputs: ['logits'] });
  graph.output('logits', 'f32', ['rows', 'length']);
  for (const part of ['maxima', 'shares'] as const) {
    graph.output(part, 'f32', ['tokens', 'slices'], best[part]);
  }
  return encodeModel(graph);
}

function headOf({ size, vocabulary, tied }: Gpt2Config): HeadShape {
  return { weight: tied ? 'wte.weight' : 'lm_head.weight', size, vocabulary, bias: null };
}

function decoder(source: Source, config: RunnableGpt2): DecoderPlan {
  const shape = decoderShape(config);
  return {
    sources: crossSources(shape),
    shape,
    caches: cachesOf(shape),
    head: headOf(config),
    step: (step) => decoderStep(source, config, step),
  };
}

/** Word and position of one token per row. A position counts the tokens of the prompt and those generated since. */
function embedStep(layers: Layers, config: RunnableGpt2, tokens: string, past: string): string {
  const { graph } = layers;
  const { constant, op } = graph;
  const { words, places } = tablesOf(layers, config);
  const seen = op('Cast', [op('Greater', ['cross_mask', constant('f32', -1)])], { to: 7 });
  const counted = op('ReduceSum', [seen, constant('i64', [-1])], { keepdims: 0 });
  const position = op('Add', [op('Reshape', [counted, constant('i64', [-1, 1])]), past]);
  const texts = op('Shape', ['cross_mask'], { start: 0, end: 1 });
  // [texts, hypotheses, size] + [texts, 1, size]
  const shape = op('Concat', [texts, constant('i64', [-1, config.size])], { axis: 0 });
  const word = op('Reshape', [layers.exact(op('Gather', [words, tokens])), shape]);
  const sum = op('Add', [word, op('Gather', [places, position])]);
  return op('Reshape', [sum, constant('i64', [-1, config.size])]);
}

/** Computes one token per row. */
function decoderStep(
  source: Source,
  config: RunnableGpt2,
  { root, body, tokens, caches, read, texts }: Step,
): StepResult {
  const { size, epsilon } = config;
  const shape = attentionOf(config);
  const layers = createLayers(root, body, source);
  const past = body.op('Shape', [caches[0] ?? ''], { start: 2, end: 3 });

  let hidden = embedStep(layers, config, tokens, past);
  const grown: string[] = [];
  for (let layer = 0; layer < config.layers; layer++) {
    const input = layers.operand(layers.layerNorm(hidden, `h.${layer}.ln_1`, size, epsilon));
    const { query, key, value } = projectAll(layers, shape, namesOf(layer), input, {
      multiplier: scaleOf(config, layer),
    });
    const keys = appendToCache(body, shape, caches[2 * layer], key);
    const values = appendToCache(body, shape, caches[2 * layer + 1], value);
    grown.push(keys, values);
    const prompt = { ...crossOf(read, layer), texts };
    const attended = attendFromOneToBoth(layers, shape, query, { keys, values }, prompt);
    hidden = closeLayer(layers, config, layer, attended, hidden);
  }
  return { hidden: layers.operand(layers.layerNorm(hidden, 'ln_f', size, epsilon)), caches: grown };
}
