/** The parts of the protocol-buffer wire format that an ONNX model needs. Each function returns one encoded field. */

const VARINT = 0;
const LENGTH_DELIMITED = 2;
const FIXED_32 = 5;

function varint(value: number | bigint): Uint8Array {
  const out: number[] = [];
  // Negative int64 values take ten bytes, as two's complement.
  let rest = BigInt.asUintN(64, BigInt(value));
  while (rest > 127n) {
    out.push(Number(rest & 127n) | 128);
    rest >>= 7n;
  }
  out.push(Number(rest));
  return Uint8Array.from(out);
}

function tag(field: number, wireType: number): Uint8Array {
  return varint((field << 3) | wireType);
}

export function integer(field: number, value: number | bigint): Uint8Array {
  return Buffer.concat([tag(field, VARINT), varint(value)]);
}

export function float32(field: number, value: number): Uint8Array {
  const bytes = Buffer.alloc(4);
  bytes.writeFloatLE(value);
  return Buffer.concat([tag(field, FIXED_32), bytes]);
}

export function bytes(field: number, value: Uint8Array): Uint8Array {
  return Buffer.concat([tag(field, LENGTH_DELIMITED), varint(value.length), value]);
}

export function text(field: number, value: string): Uint8Array {
  return bytes(field, Buffer.from(value));
}

/** A nested message: its fields, encoded, in any order. */
export function message(field: number, fields: readonly Uint8Array[]): Uint8Array {
  return bytes(field, Buffer.concat(fields));
}
