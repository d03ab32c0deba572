import type { Dimension, Graph } from '../onnx/graph.ts';
import type { DecoderShape } from '../onnx/values.ts';
import type { HeadShape } from './language-model-head.ts';
import { type Operand, reduced, type Source } from './layers.ts';

/** An input or output of a decoder, fp32: keys or values of a layer, or a mask. */
export interface Cache {
  readonly name: string;
  /** Shape; `rows` come first. The dimension that grows is called `past`. */
  readonly dims: readonly Dimension[];
}

/** Where the nodes of one step go, and their inputs. */
export interface Step {
  /** The outermost graph: it holds the weights. */
  readonly root: Graph;
  /** `root`, or the body of a loop inside it. */
  readonly body: Graph;
  /** Last token of each row, int64 [rows]. */
  readonly tokens: string;
  /** In the type of products, like the outputs of the step. */
  readonly caches: readonly string[];
  /** Reads keys or values of a layer, which are a source of the plan, in the type of products. */
  read(source: string): string;
  /**
   * Null if each row has its own source. If several rows continue one text: the number of texts, int64 [1]. The sources are
   * then [texts, 1, …], and the rows are `texts × hypotheses` in this order.
   */
  readonly texts: string | null;
}

export interface StepResult {
  /** Input of the head, [rows, size]. */
  readonly hidden: Operand;
  /** The caches with this step appended, in the same order. */
  readonly caches: readonly string[];
}

/** `Step.read` for sources that are values of `root`. Each is made once, outside all loops. */
export function reader(root: Graph, { precision }: Pick<Source, 'precision'>): Step['read'] {
  const known = new Map<string, string>();
  return (source) => {
    const value = known.get(source) ?? reduced(root, precision, source);
    known.set(source, value);
    return value;
  };
}

/** A decoder as an architecture describes it: one step. The step becomes part of a greedy loop or of a search's step. */
export interface DecoderPlan {
  readonly shape: DecoderShape;
  /** What it reads of the source; the same at each step. */
  readonly sources: readonly Cache[];
  /** What one step passes to the next. */
  readonly caches: readonly Cache[];
  readonly head: HeadShape;
  step(step: Step): StepResult;
}
