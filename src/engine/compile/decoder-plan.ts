import type { Dimension, Graph } from '../onnx/graph.ts';
import type { DecoderShape } from '../onnx/values.ts';
import type { HeadShape } from './language-model-head.ts';
import { type Operand, reduced, type Source } from './layers.ts';

/** A value that goes into a decoder or comes out of it, fp32: keys or values of a layer, a mask. */
export interface Cache {
  readonly name: string;
  /** Shape; `rows` come first, and the dimension that grows is called `past`. */
  readonly dims: readonly Dimension[];
}

/** Where the nodes of one step go, and what they start from. */
export interface Step {
  /** The outermost graph: it holds the weights. */
  readonly root: Graph;
  /** `root` or the body of a loop in it. */
  readonly body: Graph;
  /** Last token of each row, int64 [rows]. */
  readonly tokens: string;
  /** In the type of products, like what the step makes of them. */
  readonly caches: readonly string[];
  /** Keys or values of a layer, which are one of the plan's sources, in the type of products. */
  read(source: string): string;
  /**
   * Null where each row has its own source. Where several rows continue one text: the number of texts, int64 [1]; the
   * sources are then [texts, 1, …] and the rows `texts × hypotheses` in this order.
   */
  readonly texts: string | null;
}

export interface StepResult {
  /** What the head reads, [rows, size]. */
  readonly hidden: Operand;
  /** The caches with this step in them, in the same order. */
  readonly caches: readonly string[];
}

/** `Step.read` for sources that are values of `root`: made once, outside of any loop. */
export function reader(root: Graph, { precision }: Pick<Source, 'precision'>): Step['read'] {
  const known = new Map<string, string>();
  return (source) => {
    const value = known.get(source) ?? reduced(root, precision, source);
    known.set(source, value);
    return value;
  };
}

/** A decoder as an architecture describes it: one step, which is put into a greedy loop or into a search's step. */
export interface DecoderPlan {
  readonly shape: DecoderShape;
  /** What it reads of the source, the same at each step. */
  readonly sources: readonly Cache[];
  /** What one step hands on to the next. */
  readonly caches: readonly Cache[];
  readonly head: HeadShape;
  step(step: Step): StepResult;
}
