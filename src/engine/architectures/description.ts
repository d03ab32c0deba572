import type { Traits } from '../../contract/inspection.ts';
import type { Module } from './module.ts';

/** The versions whose prints the module trees equal, letter by letter (test/fixtures/module-trees). */
export const PRINTED_BY = 'transformers 4.57.6, torch 2.13.0';

/** What a model class consists of, from its config alone. */
export interface Description {
  readonly tree: Module;
  readonly traits: Traits;
  /** Names in the state dict that share the parameter of another name, with that name. */
  readonly shared: ReadonlyMap<string, string>;
  /** Tensors of the state dict that are not parameters. */
  readonly buffers: ReadonlyMap<string, readonly number[]>;
  /**
   * `base_model_prefix` of transformers. Tensor names have it in files of a model with a head, but not in files of the
   * headless model.
   */
  readonly base: string;
  /** Tensors that older versions wrote and that no version reads. */
  readonly obsolete: RegExp | null;
  /** The part of the model that a parameter belongs to. */
  part(name: string): Part;
}

export type Part = 'embeddings' | 'encoder' | 'decoder' | 'pooler' | 'head';
