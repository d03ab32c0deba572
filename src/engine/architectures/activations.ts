import type { Fields } from '../checkpoint/config/fields.ts';
import type { Activation } from '../compile/layers.ts';

/** Names of transformers (activations.py). The last two are `gelu_new` computed in another order. */
const ACTIVATIONS: ReadonlyMap<string, Activation> = new Map([
  ['gelu', 'gelu'],
  ['relu', 'relu'],
  ['gelu_new', 'gelu_new'],
  ['gelu_pytorch_tanh', 'gelu_new'],
  ['gelu_fast', 'gelu_new'],
]);

export function readActivation(fields: Fields, name: string, fallback: string): Activation {
  const value = fields.string(name, fallback);
  const activation = ACTIVATIONS.get(value);
  if (activation) return activation;
  throw fields.error(`${name} "${value}" is not supported: ${[...ACTIVATIONS.keys()].join(', ')} are`);
}
