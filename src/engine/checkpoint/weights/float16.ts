let table: Float32Array | null = null;

/** Value of every half-precision bit pattern (IEEE 754 binary16). Node has `Float16Array` only from version 24. */
function halves(): Float32Array {
  if (table) return table;
  table = new Float32Array(65536);
  for (let bits = 0; bits < 65536; bits++) {
    const sign = bits & 0x8000 ? -1 : 1;
    const exponent = (bits >> 10) & 31;
    const fraction = bits & 1023;
    if (exponent === 0) table[bits] = sign * fraction * 2 ** -24;
    else if (exponent === 31) table[bits] = fraction ? Number.NaN : sign * Number.POSITIVE_INFINITY;
    else table[bits] = sign * (1 + fraction / 1024) * 2 ** (exponent - 15);
  }
  return table;
}

export function float16ToFloat32(bits: Uint16Array): Float32Array {
  const values = halves();
  const out = new Float32Array(bits.length);
  for (let i = 0; i < bits.length; i++) out[i] = values[bits[i] ?? 0] ?? 0;
  return out;
}

/** Bit pattern of the nearest half below the smallest normal one, 2^-14. Halves there are multiples of 2^-24. */
function subnormal(magnitude: number): number {
  const steps = magnitude * 2 ** 24;
  const below = Math.floor(steps);
  const rest = steps - below;
  return rest > 0.5 || (rest === 0.5 && below % 2 === 1) ? below + 1 : below;
}

/**
 * Bit patterns of the nearest values in half precision. Ties go to the value with an even fraction, as in processors. Values
 * beyond 65,504 become infinite.
 */
export function float32ToFloat16(values: Float32Array): Uint16Array {
  const words = new Uint32Array(values.buffer, values.byteOffset, values.length);
  const out = new Uint16Array(values.length);
  for (let i = 0; i < out.length; i++) {
    const word = words[i] ?? 0;
    const sign = (word >>> 16) & 0x8000;
    const magnitude = word & 0x7fffffff;
    if (magnitude > 0x7f800000) out[i] = sign | 0x7e00;
    else if (magnitude >= 0x47800000) out[i] = sign | 0x7c00;
    else if (magnitude < 0x38800000) out[i] = sign | subnormal(Math.abs(values[i] ?? 0));
    // The exponent's bias is 15 instead of 127, and 13 bits of the fraction are rounded away.
    else out[i] = sign | ((magnitude - 0x38000000 + 0xfff + ((magnitude >>> 13) & 1)) >>> 13);
  }
  return out;
}

export function bfloat16ToFloat32(bits: Uint16Array): Float32Array {
  const out = new Uint32Array(bits.length);
  for (let i = 0; i < bits.length; i++) out[i] = (bits[i] ?? 0) << 16;
  return new Float32Array(out.buffer);
}
