import type { Precision } from '../../contract/models.ts';
import type { Graph } from '../onnx/graph.ts';
import { SCALE } from '../onnx/values.ts';

/** Activations in 8 bits, as `MatMulIntegerToFloat` takes them: a value is about `scale × rowScales × (byte − zeroPoint)`. */
export interface Quantized {
  /** u8 [rows, features] */
  readonly values: string;
  /** fp32, a scalar or [1] */
  readonly scale: string;
  /** u8, a scalar */
  readonly zeroPoint: string;
  /** fp32 [rows, 1], a factor that the product still needs; null if `scale` is the only one. */
  readonly rowScales: string | null;
}

/** Facts about values that go into a product. */
interface Activations {
  /** Name of the number of rows. Values with different numbers of rows need different names. */
  readonly rows: string;
  /** Lower bound of the values. */
  readonly lowerBound: number | undefined;
}

/**
 * Activation scales that a static graph would need, fp32 [1], by site. Each graph has its own: scales inside a loop leave the
 * loop in another way.
 */
export type MeasuredScales = Map<Graph, Map<string, string>>;

interface Form {
  readonly zeroPoint: number;
  /** Steps above and below the zero point. */
  readonly up: number;
  readonly down: number;
}

const SYMMETRIC: Form = { zeroPoint: 128, up: 127, down: 127 };
/** Values that are hardly ever below zero (the smallest GELU is -0.17) use nearly all bytes for the positive side. */
const BOUNDED: Form = { zeroPoint: 16, up: 239, down: 16 };
const LEAST_SCALE = 1e-12;

interface QuantizerOptions {
  readonly precision: Precision;
  /** Collects the scale that each site would need. */
  readonly measured?: MeasuredScales | undefined;
}

/**
 * Makes the quantized form of a value. `site` names the place in the model, by the first layer that reads the value.
 *
 * @param root the outermost graph; static scales are inputs of it
 * @param graph gets the nodes
 */
export function createQuantizer(
  root: Graph,
  graph: Graph,
  { precision, measured }: QuantizerOptions,
): (values: string, activations: Activations, site: string) => Quantized {
  const { constant, op } = graph;
  const zeroPoints = new Map<string, string>();

  /**
   * Static quantization: one scale for all rows, an input of the graph. Values beyond it become the largest possible value.
   */
  function byGivenScale(values: string, { lowerBound }: Activations, site: string): Quantized {
    const zeroPoint = constant('u8', formOf(lowerBound).zeroPoint);
    const scale = root.input(`${SCALE}${site}`, 'f32', [1]);
    return { values: op('QuantizeLinear', [values, scale, zeroPoint]), scale, zeroPoint, rowScales: null };
  }

  /** Dynamic quantization per row: the scale of a row depends on that row alone. u8 around 128, because u8 × s8 is fast. */
  function byRow(values: string, { rows, lowerBound }: Activations): Quantized {
    const last = constant('i64', [-1]);
    const reduce = (type: 'ReduceMax' | 'ReduceMin', factor: number) =>
      op('Mul', [op(type, [values, last], { keepdims: 0 }), constant('f32', factor)]);
    const parts = [reduce('ReduceMax', 1 / 127), constant('f32', Math.max(LEAST_SCALE, -(lowerBound ?? 0) / 127))];
    if (lowerBound === undefined) parts.push(reduce('ReduceMin', -1 / 127));
    const scales = op('Max', parts);
    const zeroPoint = zeroPoints.get(rows) ?? op('Expand', [constant('u8', [128]), op('Shape', [scales])]);
    zeroPoints.set(rows, zeroPoint);
    return {
      values: op('QuantizeLinear', [values, scales, zeroPoint], { axis: 0 }),
      scale: constant('f32', 1),
      zeroPoint: constant('u8', 128),
      rowScales: op('Unsqueeze', [scales, last]),
    };
  }

  function measure(values: string, { lowerBound }: Activations, site: string, into: MeasuredScales): void {
    const { up, down } = formOf(lowerBound);
    const all = constant('i64', [0, 1]);
    const reduce = (type: 'ReduceMax' | 'ReduceMin', factor: number) =>
      op('Mul', [op(type, [values, all], { keepdims: 0 }), constant('f32', factor)]);
    const least = Math.max(LEAST_SCALE, -(lowerBound ?? 0) / down);
    const parts = [reduce('ReduceMax', 1 / up), constant('f32', least)];
    if (lowerBound === undefined) parts.push(reduce('ReduceMin', -1 / down));
    const sites = into.get(graph) ?? new Map<string, string>();
    into.set(graph, sites.set(site, op('Reshape', [op('Max', parts), constant('i64', [1])])));
  }

  return (values, activations, site) => {
    if (precision === 'int8-static') return byGivenScale(values, activations, site);
    if (measured) measure(values, activations, site, measured);
    return byRow(values, activations);
  };
}

/** Outputs of a graph without loops that give the scales that it would need. */
export function outputScales(graph: Graph, measured: MeasuredScales | undefined): void {
  for (const [site, scale] of measured?.get(graph) ?? []) graph.output(`${SCALE}${site}`, 'f32', [1], scale);
}

function formOf(lowerBound: number | undefined): Form {
  return lowerBound === undefined ? SYMMETRIC : BOUNDED;
}
