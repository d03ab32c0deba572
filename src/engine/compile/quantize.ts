/** A weight matrix in 8 bits: `values[k, n] * scales[n]` is about the fp32 weight from input k to output n. */
interface QuantizedMatrix {
  /** Row-major [inputs, outputs]: transposed, as onnxruntime expects it. */
  readonly values: Int8Array;
  readonly scales: Float32Array;
}

/** An output whose weights are all smaller than this becomes zero: its scale would have no inverse in fp32. */
const SMALLEST = 2 ** -100;
/** Block of the transposition: 64 x 64 fp32 values stay in the L1 cache. */
const BLOCK = 64;

/**
 * Symmetric quantization with one scale per output.
 *
 * @param weight row-major [outputs, inputs], as torch stores a Linear
 * @param limit largest magnitude: 127, or 63 if the CPU's 8-bit products saturate (see machine/int8-limit.ts)
 */
export function quantizeMatrix(weight: Float32Array, outputs: number, inputs: number, limit: number): QuantizedMatrix {
  const values = new Int8Array(inputs * outputs);
  const scales = new Float32Array(outputs);
  const inverse = new Float32Array(outputs);
  for (let n = 0; n < outputs; n++) {
    let largest = 0;
    for (let i = n * inputs; i < (n + 1) * inputs; i++) largest = Math.max(largest, Math.abs(weight[i] ?? 0));
    if (largest < SMALLEST) continue;
    scales[n] = largest / limit;
    inverse[n] = limit / largest;
  }
  for (let n0 = 0; n0 < outputs; n0 += BLOCK) {
    const n1 = Math.min(outputs, n0 + BLOCK);
    for (let k0 = 0; k0 < inputs; k0 += BLOCK) {
      const k1 = Math.min(inputs, k0 + BLOCK);
      for (let k = k0; k < k1; k++) {
        for (let n = n0; n < n1; n++) {
          values[k * outputs + n] = Math.round((weight[n * inputs + k] ?? 0) * (inverse[n] ?? 0));
        }
      }
    }
  }
  return { values, scales };
}

/** Columns `first` to `last` (exclusive), padded on the right with zeros to `width` columns. */
export function sliceColumns(
  matrix: QuantizedMatrix,
  inputs: number,
  { first, last, width }: { readonly first: number; readonly last: number; readonly width: number },
): QuantizedMatrix {
  const outputs = matrix.scales.length;
  const values = new Int8Array(inputs * width);
  for (let k = 0; k < inputs; k++) {
    values.set(matrix.values.subarray(k * outputs + first, k * outputs + last), k * width);
  }
  const scales = new Float32Array(width).fill(1);
  scales.set(matrix.scales.subarray(first, last));
  return { values, scales };
}
