import type { Fields } from '../checkpoint/config/fields.ts';
import type { Activation } from '../compile/layers.ts';
import { leaf, type Module } from './module.ts';

/** Checks that the config readers of several architectures share. */

interface NamedActivation {
  /** Class and arguments that PyTorch prints (transformers/activations.py, `ACT2FN`). */
  readonly printed: readonly [className: string, extra?: string];
  /** The formula of the compiled graphs; absent where they have none. */
  readonly computed?: Activation;
}

/**
 * Activations that a config can name. `gelu_fast` and `gelu_pytorch_tanh` are `gelu_new` with another order of operations.
 */
const ACTIVATIONS: Readonly<Record<string, NamedActivation>> = {
  gelu: { printed: ['GELUActivation'], computed: 'gelu' },
  relu: { printed: ['ReLU'], computed: 'relu' },
  gelu_new: { printed: ['NewGELUActivation'], computed: 'gelu_new' },
  gelu_pytorch_tanh: { printed: ['GELUTanh'], computed: 'gelu_new' },
  gelu_fast: { printed: ['FastGELUActivation'], computed: 'gelu_new' },
  gelu_10: { printed: ['ClippedGELUActivation'] },
  gelu_accurate: { printed: ['AccurateGELUActivation'] },
  gelu_python: { printed: ['GELUActivation'] },
  gelu_python_tanh: { printed: ['GELUTanh'] },
  laplace: { printed: ['LaplaceActivation'] },
  leaky_relu: { printed: ['LeakyReLU', 'negative_slope=0.01'] },
  linear: { printed: ['LinearActivation'] },
  mish: { printed: ['MishActivation'] },
  quick_gelu: { printed: ['QuickGELUActivation'] },
  relu2: { printed: ['ReLUSquaredActivation'] },
  relu6: { printed: ['ReLU6'] },
  sigmoid: { printed: ['Sigmoid'] },
  silu: { printed: ['SiLUActivation'] },
  swish: { printed: ['SiLU'] },
  tanh: { printed: ['Tanh'] },
};

function find(name: string): NamedActivation | undefined {
  return Object.hasOwn(ACTIVATIONS, name) ? ACTIVATIONS[name] : undefined;
}

/** The module that PyTorch prints. @throws CheckpointError for a name that is not in the table */
export function printedActivation(fields: Fields, field: string, name: string): Module {
  const known = find(name);
  if (known === undefined) throw fields.error(`${field} "${name}" is not an activation that can be printed`);
  return leaf(...known.printed);
}

/** The formula of the graphs. @throws CheckpointError for a name that they do not compute */
export function computedActivation(fields: Fields, field: string, name: string): Activation {
  const computed = find(name)?.computed;
  if (computed !== undefined) return computed;
  const names = Object.keys(ACTIVATIONS).filter((other) => ACTIVATIONS[other]?.computed !== undefined);
  throw fields.error(`${field} "${name}" is not supported: ${names.join(', ')} are`);
}

/** @throws CheckpointError where the weights are quantized */
export function refuseQuantized(fields: Fields): void {
  if (fields.raw('quantization_config') !== undefined) {
    throw fields.error('quantization_config is set: only float weights can be read');
  }
}

/** @throws CheckpointError where a flag has a value that changes the module tree in a way that is not known here */
export function refuseUnprinted(fields: Fields, flags: Readonly<Record<string, boolean>>): void {
  for (const [name, expected] of Object.entries(flags)) {
    if (fields.boolean(name, expected) !== expected) {
      throw fields.error(`${name} = ${!expected} changes the module tree in a way that is not known here`);
    }
  }
}

/** A whole number; null where the config says null. */
export function integerOr(fields: Fields, name: string, fallback: number): number | null {
  return fields.raw(name) === undefined ? fallback : fields.integerOrNull(name);
}
