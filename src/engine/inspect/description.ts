import type { Traits } from '../../contract/inspection.ts';
import type { Fields } from '../checkpoint/config/fields.ts';
import { leaf, type Module } from './module.ts';

/** What a model class is, from its config alone. */
export interface Description {
  readonly tree: Module;
  readonly traits: Traits;
  /** Names of the state dict that mean another's parameter, with that one. */
  readonly shared: ReadonlyMap<string, string>;
  /** Tensors of the state dict that are no parameters. */
  readonly buffers: ReadonlyMap<string, readonly number[]>;
  /** transformers' `base_model_prefix`: a file of the headless model lacks it, one of a model with a head has it. */
  readonly base: string;
  /** Tensors that older versions wrote and no one reads. */
  readonly obsolete: RegExp | null;
  /** The part of the model that a parameter belongs to. */
  part(name: string): Part;
}

export type Part = 'embeddings' | 'encoder' | 'decoder' | 'pooler' | 'head';

/** Prints of the activations that a config can name (transformers/activations.py, `ACT2FN`). */
const ACTIVATIONS: Readonly<Record<string, readonly [className: string, extra?: string]>> = {
  gelu: ['GELUActivation'],
  gelu_10: ['ClippedGELUActivation'],
  gelu_accurate: ['AccurateGELUActivation'],
  gelu_fast: ['FastGELUActivation'],
  gelu_new: ['NewGELUActivation'],
  gelu_python: ['GELUActivation'],
  gelu_python_tanh: ['GELUTanh'],
  gelu_pytorch_tanh: ['GELUTanh'],
  laplace: ['LaplaceActivation'],
  leaky_relu: ['LeakyReLU', 'negative_slope=0.01'],
  linear: ['LinearActivation'],
  mish: ['MishActivation'],
  quick_gelu: ['QuickGELUActivation'],
  relu: ['ReLU'],
  relu2: ['ReLUSquaredActivation'],
  relu6: ['ReLU6'],
  sigmoid: ['Sigmoid'],
  silu: ['SiLUActivation'],
  swish: ['SiLU'],
  tanh: ['Tanh'],
};

/** @throws CheckpointError for a name that is not in the table */
export function activation(fields: Fields, field: string, name: string): Module {
  const [className, extra] = (Object.hasOwn(ACTIVATIONS, name) ? ACTIVATIONS[name] : undefined) ?? [];
  if (className === undefined) throw fields.error(`${field} "${name}" is not an activation that can be printed`);
  return leaf(className, extra);
}

/** The labels of a classifier, in order: `id2label`, else `num_labels` (default 2) of the names that transformers gives. */
export function labelsOf(fields: Fields): string[] {
  const named = fields.raw('id2label');
  if (typeof named === 'object' && named !== null && !Array.isArray(named)) {
    return Object.entries(named)
      .sort(([a], [b]) => Number(a) - Number(b))
      .map(([, label]) => String(label));
  }
  return Array.from({ length: fields.size('num_labels', 2) }, (_, i) => `LABEL_${i}`);
}

/** More are no model but a mistake, or someone's joke: a tree of so many would not fit into memory. */
const MOST_LAYERS = 1000;

/** How many layers a stack has. @throws CheckpointError for more than any model has */
export function layerCount(fields: Fields, name: string, fallback: number): number {
  const count = fields.size(name, fallback);
  if (count > MOST_LAYERS) throw fields.error(`${name} is ${count}: more than ${MOST_LAYERS} layers are not printed`);
  return count;
}

/** Each of `times` equal layers. */
export function layers(times: number, layer: (index: number) => Module): Module[] {
  return Array.from({ length: times }, (_, index) => layer(index));
}

/** @throws CheckpointError where a flag stands at a value that changes the tree in a way that is not known here */
export function refuse(fields: Fields, flags: Readonly<Record<string, boolean>>): void {
  for (const [name, expected] of Object.entries(flags)) {
    if (fields.boolean(name, expected) !== expected) {
      throw fields.error(`${name} = ${!expected} changes the module tree in a way that is not known here`);
    }
  }
}

/** A whole number, or null where the config says null or the default is null. */
export function integerOr(fields: Fields, name: string, fallback: number | null): number | null {
  return fields.raw(name) === undefined ? fallback : fields.integerOrNull(name);
}

/** Heads of equal size. @throws CheckpointError */
export function headSize(fields: Fields, width: number, heads: number): number {
  if (width % heads !== 0) throw fields.error(`the width ${width} is no multiple of the ${heads} heads`);
  return width / heads;
}
