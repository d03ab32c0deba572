import type { Tensors } from '../../checkpoint/weights/tensors.ts';

/**
 * Shows GPT-2's tensors with the names and layout of other architectures.
 *
 * - Names lose the prefix `transformer.`, which some files have.
 * - Matrices are `[outputs, inputs]`; GPT-2 stores `[inputs, outputs]` (its Conv1D).
 * - `attn.query`, `attn.key` and `attn.value` are the thirds of `attn.c_attn`.
 *
 * Old files hold masks among the weights, which are never read.
 */
export function gpt2Tensors(tensors: Tensors, size: number): Tensors {
  const prefix = tensors.has('transformer.wte.weight') ? 'transformer.' : '';
  const full = (name: string) => (name === 'lm_head.weight' ? name : `${prefix}${name}`);
  return {
    infos: tensors.infos,
    has: (name) => tensors.has(full(name)),
    close: () => tensors.close(),
    read(name, shape) {
      const part = /^(.*\.attn)\.(query|key|value)\.(weight|bias)$/.exec(name);
      if (part) {
        const [, attention = '', which = '', kind] = part;
        const first = ['query', 'key', 'value'].indexOf(which) * size;
        if (kind === 'bias')
          return tensors.read(full(`${attention}.c_attn.bias`), [3 * size]).slice(first, first + size);
        const all = tensors.read(full(`${attention}.c_attn.weight`), [size, 3 * size]);
        return transposeColumns(all, size, first, first + size);
      }
      const [outputs = 0, inputs = 0] = shape;
      if (!/\.(c_proj|c_fc)\.weight$/.test(name)) return tensors.read(full(name), shape);
      return transposeColumns(tensors.read(full(name), [inputs, outputs]), inputs, 0, outputs);
    },
  };
}

/** Columns `first` to `last` (exclusive) of a matrix with `rows` rows. Each becomes a row. */
function transposeColumns(matrix: Float32Array, rows: number, first: number, last: number): Float32Array {
  const columns = matrix.length / rows;
  const result = new Float32Array(rows * (last - first));
  for (let column = first; column < last; column++) {
    for (let row = 0; row < rows; row++) {
      result[(column - first) * rows + row] = matrix[row * columns + column] ?? 0;
    }
  }
  return result;
}
