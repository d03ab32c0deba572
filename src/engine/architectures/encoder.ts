import type { Tensors } from '../checkpoint/weights/tensors.ts';
import type { Source } from '../compile/layers.ts';

/** How the hidden values of a text become one vector (sentence-transformers: modules.json). */
export interface Pooling {
  /** The mean over the text's tokens, or the first token. */
  readonly of: 'mean' | 'first';
  /** A layer after that: tanh(x Wᵀ + b), as LaBSE has it; null for none. */
  readonly dense: { readonly tensors: Tensors; readonly outputs: number; readonly tanh: boolean } | null;
}

/** What the engine needs to know about a class that gives one vector per text. */
export interface Encoder {
  readonly size: number;
  readonly vocabulary: number;
  /** Longest input in tokens that the positions allow. */
  readonly window: number;
  /** Inputs as `Classifier.graph`. Output: `embeddings` fp32 [rows, features], not yet of unit length. */
  graph(source: Source, pooling: Pooling): Uint8Array;
}
