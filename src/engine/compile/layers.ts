import { CheckpointError } from '../../contract/errors.ts';
import { inBytes, type Precision } from '../../contract/models.ts';
import { float32ToFloat16 } from '../checkpoint/weights/float16.ts';
import type { Tensors } from '../checkpoint/weights/tensors.ts';
import { ELEMENT, type ElementType, type Graph, type TensorData } from '../onnx/graph.ts';
import { createQuantizer, type MeasuredScales, type Quantized } from './activations.ts';
import { lazy } from './lazy.ts';
import { quantizeMatrix } from './quantize.ts';
import type { WeightFile } from './weight-file.ts';

/** What the layers of all graphs of a model are built from. */
export interface Source {
  readonly tensors: Tensors;
  readonly weights: WeightFile;
  readonly precision: Precision;
  /** Only operators that every device has. Always true in fp16. onnxruntime's own operators are faster on the CPU. */
  readonly portable: boolean;
  /** Texts of a batch differ in length: the graph has an input `mask` int32 [texts, length], 0 for padding. Portable only. */
  readonly padded?: boolean;
  /** Largest magnitude of an int8 weight. */
  readonly weightLimit: number;
  /** In int8: collects the scales that `int8-static` would need (default: nothing is measured). */
  readonly measured?: MeasuredScales | undefined;
}

/** The input of linear layers, [rows, features], and its quantized form if there is one. */
export interface Operand {
  /** In fp32; in fp16 if that is the precision and the value is not exact. */
  readonly values: string;
  /** Products with it are in fp32, whatever the precision of other products. */
  readonly exact: boolean;
  /** Made when the first layer asks for it; that layer's name identifies it. */
  readonly quantized: ((layer: string) => Quantized) | null;
}

export interface LinearOptions {
  /** Name of the bias tensor (default: the layer's own `.bias`), values of a computed one, or null for none. */
  readonly bias?: string | Float32Array | null;
  /** The output, bias included, times this. */
  readonly multiplier?: number;
  /** Bias as [1, outputs]. It keeps onnxruntime from fusing a following Gelu into BiasGelu, which is four times slower. */
  readonly biasAsRow?: boolean;
}

/**
 * Layers that transformers of all architectures consist of. Values are 2-D, [rows, features].
 *
 * In fp16, products and the operations between two of them (an activation, sums of attention) are in half precision. Hidden
 * values between layers, norms and softmax stay in fp32. Code that moves a value between the two calls `reduced` or `exact`.
 * In the other precisions both return the value itself, as does onnxruntime if the type is the same already.
 */
export interface Layers {
  /** Graph that gets the nodes. */
  readonly graph: Graph;
  /** As `Source` has them. */
  readonly portable: boolean;
  readonly padded: boolean;
  readonly tensors: Tensors;
  /** An fp32 tensor of the checkpoint. */
  parameter(name: string, shape: readonly number[]): string;
  /** A large matrix of the checkpoint in the type of products. Values gathered from it must be made `exact`. */
  table(name: string, shape: readonly number[]): string;
  /** An fp32 tensor made from tensors of the checkpoint. */
  computed(name: string, shape: readonly number[], make: () => Float32Array): string;
  /**
   * Prepares a value for linear layers; several layers may share it.
   *
   * @param rows a name for the number of rows: values with different numbers of rows need different names
   * @param lowerBound lower bound of the values (saves a reduction)
   * @param exact half precision is not enough for it, or for values computed from it
   */
  operand(
    values: string,
    options?: { readonly rows?: string; readonly lowerBound?: number; readonly exact?: boolean },
  ): Operand;
  /** In the type of products. */
  reduced(values: string): string;
  /** In fp32. */
  exact(values: string): string;
  /** y = x Wᵀ + b of the checkpoint's `name.weight` [outputs, inputs] and `name.bias`, in the type of products. */
  linear(input: Operand, name: string, inputs: number, outputs: number, options?: LinearOptions): string;
  layerNorm(input: string, name: string, size: number, epsilon: number): string;
  /** x / √(mean of x² + epsilon) × weight, without bias or mean; `name` is the tensor. */
  rmsNorm(input: string, name: string, size: number, epsilon: number): string;
  activation(input: string, name: Activation): string;
}

/** `gelu_new` is the approximation of GELU by a hyperbolic tangent, first used in GPT-2. */
export type Activation = 'gelu' | 'gelu_new' | 'relu';

const OPERATORS = { gelu: 'Gelu', gelu_new: 'FastGelu' } as const;

/** A value in the type of products. */
export function reduced(graph: Graph, precision: Precision, values: string): string {
  return precision === 'fp16' ? graph.op('Cast', [values], { to: ELEMENT.f16 }) : values;
}

/** A value in fp32. */
export function exact(graph: Graph, precision: Precision, values: string): string {
  return precision === 'fp16' ? graph.op('Cast', [values], { to: ELEMENT.f32 }) : values;
}

/** @throws CheckpointError if a value is beyond half precision */
function halves(name: string, values: Float32Array): Uint16Array {
  const result = float32ToFloat16(values);
  const lost = result.findIndex((bits) => (bits & 0x7fff) === 0x7c00);
  if (lost === -1) return result;
  throw new CheckpointError(`tensor ${name} has the value ${values[lost]}, which is beyond fp16: use --precision fp32`);
}

/** The stored form of a matrix in the type of products: half the memory, and the same for look-ups and products. */
export function storeMatrix(
  root: Graph,
  { tensors, weights }: Pick<Source, 'tensors' | 'weights'>,
  type: 'f32' | 'f16',
  name: string,
  shape: readonly number[],
): string {
  const key = type === 'f16' ? `fp16/${name}` : name;
  const tensor = weights.store(key, type, shape, () => {
    const values = tensors.read(name, shape);
    return type === 'f16' ? halves(name, values) : values;
  });
  return root.external(key, tensor.type, tensor.dims, tensor.data);
}

/**
 * @param root the outermost graph; it holds the weights
 * @param graph gets the nodes: `root` or the body of one of its loops
 */
export function createLayers(root: Graph, graph: Graph, source: Source): Layers {
  const { tensors, weights, precision, portable, padded = false, weightLimit } = source;
  const half = precision === 'fp16';
  const quantize = createQuantizer(root, graph, source);

  const stored = (key: string, type: ElementType, dims: readonly number[], make: () => TensorData) => {
    const tensor = weights.store(key, type, dims, make);
    return root.external(key, tensor.type, tensor.dims, tensor.data);
  };
  const parameter = (name: string, shape: readonly number[]) => storeMatrix(root, source, 'f32', name, shape);

  function biasOf(name: string, outputs: number, options: LinearOptions): string | null {
    const { bias = `${name}.bias`, multiplier = 1, biasAsRow = false } = options;
    if (bias === null) return null;
    const values = typeof bias === 'string' ? tensors.read(bias, [outputs]) : bias;
    const dims = biasAsRow ? [1, outputs] : [outputs];
    const factor = inBytes(precision) ? multiplier : 1;
    return root.tensor(`${name}.bias/${dims.length}`, dims, factor === 1 ? values : values.map((v) => v * factor));
  }

  /** One node for product, bias and factor. */
  function portableProduct(
    input: Operand,
    name: string,
    [inputs, outputs]: readonly [number, number],
    { bias = `${name}.bias`, multiplier = 1 }: LinearOptions,
  ): string {
    const type = half && !input.exact ? 'f16' : 'f32';
    const operands = [input.values, storeMatrix(root, source, type, `${name}.weight`, [outputs, inputs])];
    if (bias !== null) {
      const values = typeof bias === 'string' ? tensors.read(bias, [outputs]) : bias;
      const data = type === 'f16' ? halves(`${name}.bias`, values) : values;
      operands.push(root.tensor(`${name}.bias/${type}`, [outputs], data));
    }
    const factors = { alpha: { float: multiplier }, beta: { float: multiplier } };
    return graph.op('Gemm', operands, { transB: 1, ...factors });
  }

  function quantizedProduct(
    { values, scale, zeroPoint, rowScales }: Quantized,
    name: string,
    [inputs, outputs]: readonly [number, number],
    options: LinearOptions,
  ): string {
    const { multiplier = 1 } = options;
    // If there is no factor between product and bias, one node does both.
    const bias = biasOf(name, outputs, rowScales === null ? { ...options, biasAsRow: false } : options);
    const key = `int8/${name}`;
    const matrix = lazy(() =>
      quantizeMatrix(tensors.read(`${name}.weight`, [outputs, inputs]), outputs, inputs, weightLimit),
    );
    const weights = stored(key, 'i8', [inputs, outputs], () => matrix().values);
    const weightScales = stored(`${key}/scales*${multiplier}`, 'f32', [outputs], () =>
      matrix().scales.map((each) => each * multiplier),
    );
    const operands = [values, weights, scale, weightScales, zeroPoint];
    if (rowScales === null && bias !== null) operands.push('', bias);
    const product = graph.op('MatMulIntegerToFloat', operands, {}, { domain: 'com.microsoft' });
    if (rowScales === null) return product;
    const scaled = graph.op('Mul', [product, rowScales]);
    return bias ? graph.op('Add', [scaled, bias]) : scaled;
  }

  return {
    graph,
    portable,
    padded,
    tensors,
    parameter,
    reduced: (values) => reduced(graph, precision, values),
    exact: (values) => exact(graph, precision, values),
    table: (name, shape) => storeMatrix(root, source, half ? 'f16' : 'f32', name, shape),
    computed: (name, shape, make) => stored(name, 'f32', shape, make),
    operand(values, { rows = 'rows', lowerBound, exact: isExact = false } = {}) {
      let known: Quantized | undefined;
      const quantized = (site: string): Quantized => {
        known ??= quantize(values, { rows, lowerBound }, site);
        return known;
      };
      return {
        values: isExact ? exact(graph, precision, values) : reduced(graph, precision, values),
        exact: isExact,
        quantized: inBytes(precision) ? quantized : null,
      };
    },
    linear(input, name, inputs, outputs, options = {}) {
      if (portable) return portableProduct(input, name, [inputs, outputs], options);
      if (input.quantized) return quantizedProduct(input.quantized(name), name, [inputs, outputs], options);
      const { multiplier = 1 } = options;
      const bias = biasOf(name, outputs, options);
      const weight = parameter(`${name}.weight`, [outputs, inputs]);
      const product = graph.op('FusedMatMul', [input.values, weight], { transB: 1 }, { domain: 'com.microsoft' });
      const sum = bias ? graph.op('Add', [product, bias]) : product;
      return multiplier === 1 ? sum : graph.op('Mul', [sum, graph.constant('f32', multiplier)]);
    },
    layerNorm(input, name, size, epsilon) {
      const tensor = (part: string) => root.tensor(`${name}.${part}`, [size], tensors.read(`${name}.${part}`, [size]));
      return graph.op('LayerNormalization', [input, tensor('weight'), tensor('bias')], {
        axis: -1,
        epsilon: { float: epsilon },
      });
    },
    rmsNorm: (input, name, size, epsilon) =>
      graph.op('SimplifiedLayerNormalization', [input, root.tensor(name, [size], tensors.read(name, [size]))], {
        axis: -1,
        epsilon: { float: epsilon },
      }),
    activation: (input, name) =>
      name === 'relu' ? graph.op('Relu', [input]) : graph.op(OPERATORS[name], [input], {}, { domain: 'com.microsoft' }),
  };
}
