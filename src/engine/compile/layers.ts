import type { Precision } from '../../contract/models.ts';
import type { Tensors } from '../checkpoint/tensors.ts';
import type { ElementType, Graph } from '../onnx/graph.ts';
import { lazy } from './lazy.ts';
import { quantizeMatrix } from './quantize.ts';
import type { WeightFile } from './weight-file.ts';

/** What the layers of all graphs of a model are made from. */
export interface Source {
  readonly tensors: Tensors;
  readonly weights: WeightFile;
  readonly precision: Precision;
  /** Largest magnitude of an int8 weight. */
  readonly weightLimit: number;
}

/** The input of linear layers, fp32 [rows, features], with its quantized form where there is one. */
export interface Operand {
  readonly values: string;
  readonly quantized: { readonly values: string; readonly scales: string } | null;
}

export interface LinearOptions {
  /** Name of the bias tensor (default: the layer's own `.bias`), values of a computed one, or null for none. */
  readonly bias?: string | Float32Array | null;
  /** The output, bias included, times this. */
  readonly multiplier?: number;
  /** Bias as [1, outputs]: keeps onnxruntime from fusing a following Gelu into BiasGelu, which is four times slower. */
  readonly biasAsRow?: boolean;
}

/** Layers that transformers of all architectures are made of. Values are 2-D, [rows, features]. */
export interface Layers {
  /** Where the nodes go. */
  readonly graph: Graph;
  readonly tensors: Tensors;
  /** An fp32 tensor of the checkpoint. */
  parameter(name: string, shape: readonly number[]): string;
  /** An fp32 tensor made from tensors of the checkpoint. */
  computed(name: string, shape: readonly number[], make: () => Float32Array): string;
  /**
   * Makes a value ready for linear layers; several may share it.
   * @param rows a name for the number of rows: values of different heights need different names
   * @param lowerBound no value is smaller (saves a reduction)
   */
  operand(values: string, options?: { readonly rows?: string; readonly lowerBound?: number }): Operand;
  /** y = x Wᵀ + b of the checkpoint's `name.weight` [outputs, inputs] and `name.bias`. */
  linear(input: Operand, name: string, inputs: number, outputs: number, options?: LinearOptions): string;
  layerNorm(input: string, name: string, size: number, epsilon: number): string;
  /** x / √(mean of x² + epsilon) × weight, without bias or mean; `name` is the tensor. */
  rmsNorm(input: string, name: string, size: number, epsilon: number): string;
  activation(input: string, name: Activation): string;
}

/** `gelu_new` is the approximation of GELU by a hyperbolic tangent that GPT-2 began with. */
export type Activation = 'gelu' | 'gelu_new' | 'relu';

const OPERATORS = { gelu: 'Gelu', gelu_new: 'FastGelu' } as const;

/**
 * @param root the outermost graph: it holds the weights
 * @param graph where the nodes go: `root` or the body of one of its loops
 */
export function createLayers(root: Graph, graph: Graph, source: Source): Layers {
  const { tensors, weights, precision, weightLimit } = source;
  const zeroPoints = new Map<string, string>();

  const stored = (key: string, type: ElementType, dims: readonly number[], make: () => Float32Array | Int8Array) => {
    const tensor = weights.store(key, type, dims, make);
    return root.external(key, tensor.type, tensor.dims, tensor.data);
  };
  const parameter = (name: string, shape: readonly number[]) =>
    stored(name, 'f32', shape, () => tensors.read(name, shape));

  function biasOf(name: string, outputs: number, options: LinearOptions): string | null {
    const { bias = `${name}.bias`, multiplier = 1, biasAsRow = false } = options;
    if (bias === null) return null;
    const values = typeof bias === 'string' ? tensors.read(bias, [outputs]) : bias;
    const dims = biasAsRow ? [1, outputs] : [outputs];
    const factor = precision === 'int8' ? multiplier : 1;
    return root.tensor(`${name}.bias/${dims.length}`, dims, factor === 1 ? values : values.map((v) => v * factor));
  }

  /** Row-wise dynamic quantization: the scale of a row depends on that row alone. u8 around 128, since u8 x s8 is fast. */
  function quantize(values: string, rows: string, lowerBound: number | undefined) {
    const last = graph.constant('i64', [-1]);
    const reduce = (type: 'ReduceMax' | 'ReduceMin', factor: number) =>
      graph.op('Mul', [graph.op(type, [values, last], { keepdims: 0 }), graph.constant('f32', factor)]);
    const floor = Math.max(1e-12, -(lowerBound ?? 0) / 127);
    const parts = [reduce('ReduceMax', 1 / 127), graph.constant('f32', floor)];
    if (lowerBound === undefined) parts.push(reduce('ReduceMin', -1 / 127));
    const scales = graph.op('Max', parts);
    const zeroPoint =
      zeroPoints.get(rows) ?? graph.op('Expand', [graph.constant('u8', [128]), graph.op('Shape', [scales])]);
    zeroPoints.set(rows, zeroPoint);
    return {
      values: graph.op('QuantizeLinear', [values, scales, zeroPoint], { axis: 0 }),
      scales: graph.op('Unsqueeze', [scales, last]),
    };
  }

  function quantizedProduct(
    input: NonNullable<Operand['quantized']>,
    name: string,
    [inputs, outputs]: readonly [number, number],
    multiplier: number,
  ): string {
    const key = `int8/${name}`;
    const matrix = lazy(() =>
      quantizeMatrix(tensors.read(`${name}.weight`, [outputs, inputs]), outputs, inputs, weightLimit),
    );
    const values = stored(key, 'i8', [inputs, outputs], () => matrix().values);
    const scales = stored(`${key}/scales*${multiplier}`, 'f32', [outputs], () =>
      matrix().scales.map((scale) => scale * multiplier),
    );
    const product = graph.op(
      'MatMulIntegerToFloat',
      [input.values, values, graph.constant('f32', 1), scales, graph.constant('u8', 128)],
      {},
      { domain: 'com.microsoft' },
    );
    return graph.op('Mul', [product, input.scales]);
  }

  return {
    graph,
    tensors,
    parameter,
    computed: (name, shape, make) => stored(name, 'f32', shape, make),
    operand: (values, { rows = 'rows', lowerBound } = {}) => ({
      values,
      quantized: precision === 'int8' ? quantize(values, rows, lowerBound) : null,
    }),
    linear(input, name, inputs, outputs, options = {}) {
      const { multiplier = 1 } = options;
      const bias = biasOf(name, outputs, options);
      if (input.quantized) {
        const product = quantizedProduct(input.quantized, name, [inputs, outputs], multiplier);
        return bias ? graph.op('Add', [product, bias]) : product;
      }
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
