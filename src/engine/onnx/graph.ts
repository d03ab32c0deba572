import { bytes, float32, integer, message, text } from './protobuf.ts';

/** Element types, numbered as `TensorProto.DataType`. */
export const ELEMENT = { f32: 1, u8: 2, i8: 3, i32: 6, i64: 7, bool: 9, f16: 10 } as const;
export type ElementType = keyof typeof ELEMENT;

/** A number is a fixed size, a name is a size known when the graph runs. */
export type Dimension = number | string;

/** Position of a tensor's bytes in the file beside the model file. */
export interface ExternalData {
  readonly location: string;
  readonly offset: number;
  readonly length: number;
}

/** Values of a tensor. Half precision is given as bit patterns. */
export type TensorData = Float32Array | Int8Array | Uint16Array;

interface Float {
  readonly float: number;
}

/** Plain numbers are integers. A float must be marked, because `1` could be either. */
type Attribute = number | string | readonly number[] | Float | Graph;
type Attributes = Readonly<Record<string, Attribute>>;

interface NodeOptions {
  /** Names of the outputs; made up if absent. */
  readonly outputs?: readonly string[];
  /** `com.microsoft` for the operators of onnxruntime, else ONNX's own. */
  readonly domain?: 'com.microsoft';
}

/**
 * An ONNX graph under construction. Values are named by strings; an empty string is an absent optional input. Bodies of loops
 * are separate graphs that see the values of the graph around them.
 */
export interface Graph {
  /** Adds a node with one output and returns the output's name. */
  op(type: string, inputs: readonly string[], attributes?: Attributes, options?: NodeOptions): string;
  /** Adds a node with several outputs. */
  ops(type: string, inputs: readonly string[], outputs: readonly string[], attributes?: Attributes): void;
  /** A fresh name, for the outputs of `ops`. */
  name(hint: string): string;
  /** A constant: a scalar for a number, a vector for a list. The same constant is stored once. */
  constant(type: 'f32' | 'i64' | 'u8' | 'bool', value: number | readonly number[]): string;
  /** A small tensor stored inside the model file; a second call with the same name adds nothing. */
  tensor(name: string, dims: readonly number[], data: TensorData): string;
  /** A tensor stored beside the model file; a second call with the same name adds nothing. */
  external(name: string, type: ElementType, dims: readonly number[], data: ExternalData): string;
  input(name: string, type: ElementType, dims: readonly Dimension[]): string;
  /** @param value the value that becomes the output (default: the value with this name), for one output only */
  output(name: string, type: ElementType, dims: readonly Dimension[], value?: string): void;
  /** The `GraphProto`. */
  encode(): Uint8Array;
}

interface Node {
  readonly name: string;
  readonly type: string;
  readonly ins: readonly string[];
  readonly outs: readonly string[];
  readonly attributes: Attributes;
  readonly domain: string;
}

const EXTERNAL = 1;

function tensorHead(name: string, type: ElementType, dims: readonly number[]): Uint8Array[] {
  return [...dims.map((dim) => integer(1, dim)), integer(2, ELEMENT[type]), text(8, name)];
}

function valueInfo(name: string, type: ElementType, dims: readonly Dimension[]): Uint8Array[] {
  const shape = dims.map((dim) => message(1, [typeof dim === 'number' ? integer(1, dim) : text(2, dim)]));
  return [text(1, name), message(2, [message(1, [integer(1, ELEMENT[type]), message(2, shape)])])];
}

function typeOf(data: TensorData): ElementType {
  if (data instanceof Uint16Array) return 'f16';
  return data instanceof Int8Array ? 'i8' : 'f32';
}

function isGraph(value: Attribute): value is Graph {
  return typeof value === 'object' && 'encode' in value;
}

function attribute(name: string, value: Attribute): Uint8Array[] {
  if (typeof value === 'number') return [text(1, name), integer(3, value), integer(20, 2)];
  if (typeof value === 'string') return [text(1, name), text(4, value), integer(20, 3)];
  if (isGraph(value)) return [text(1, name), bytes(6, value.encode()), integer(20, 5)];
  if ('float' in value) return [text(1, name), float32(2, value.float), integer(20, 1)];
  return [text(1, name), ...value.map((item) => integer(8, item)), integer(20, 7)];
}

function raw(type: 'f32' | 'i64' | 'u8' | 'bool', values: readonly number[]): Uint8Array {
  if (type === 'f32') return new Uint8Array(Float32Array.from(values).buffer);
  if (type === 'i64') return new Uint8Array(BigInt64Array.from(values, BigInt).buffer);
  return Uint8Array.from(values);
}

/** `prefix` separates the made-up names of a graph from those of its loop bodies. */
export function createGraph(prefix: string): Graph {
  const nodes: Node[] = [];
  /** Values that are outputs under another name. */
  const renamed = new Map<string, string>();
  const initializers = new Map<string, Uint8Array>();
  const inputs: Uint8Array[] = [];
  const outputs: Uint8Array[] = [];
  let counter = 0;

  const name = (hint: string) => `${prefix}_${hint}_${counter++}`;

  const node = (type: string, ins: readonly string[], outs: readonly string[], attributes: Attributes, domain = '') => {
    nodes.push({ name: name(type), type, ins, outs, attributes, domain });
  };

  const encodeNode = ({ name: label, type, ins, outs, attributes, domain }: Node) => {
    const named = (value: string) => renamed.get(value) ?? value;
    return message(1, [
      ...ins.map((input) => text(1, named(input))),
      ...outs.map((output) => text(2, named(output))),
      text(3, label),
      text(4, type),
      ...Object.entries(attributes).map(([key, value]) => message(5, attribute(key, value))),
      text(7, domain),
    ]);
  };

  return {
    name,
    op(type, ins, attributes = {}, options = {}) {
      const output = options.outputs?.[0] ?? name(type.toLowerCase());
      node(type, ins, [output], attributes, options.domain);
      return output;
    },
    ops(type, ins, outs, attributes = {}) {
      node(type, ins, outs, attributes);
    },
    constant(type, value) {
      const values = typeof value === 'number' ? [value] : value;
      const key = `${prefix}_const_${type}_${typeof value === 'number' ? value : `[${value.join(',')}]`}`;
      if (!initializers.has(key)) {
        const dims = typeof value === 'number' ? [] : [values.length];
        initializers.set(key, message(5, [...tensorHead(key, type, dims), bytes(9, raw(type, values))]));
      }
      return key;
    },
    tensor(key, dims, data) {
      if (!initializers.has(key)) {
        const content = new Uint8Array(data.buffer, data.byteOffset, data.byteLength);
        const type = typeOf(data);
        initializers.set(key, message(5, [...tensorHead(key, type, dims), bytes(9, content)]));
      }
      return key;
    },
    external(key, type, dims, data) {
      if (!initializers.has(key)) {
        const entries = Object.entries(data).map(([k, v]) => message(13, [text(1, k), text(2, String(v))]));
        initializers.set(key, message(5, [...tensorHead(key, type, dims), ...entries, integer(14, EXTERNAL)]));
      }
      return key;
    },
    input(key, type, dims) {
      inputs.push(message(11, valueInfo(key, type, dims)));
      return key;
    },
    output(key, type, dims, value = key) {
      if (value !== key) renamed.set(value, key);
      outputs.push(message(12, valueInfo(key, type, dims)));
    },
    encode() {
      return Buffer.concat([
        ...nodes.map(encodeNode),
        text(2, prefix),
        ...initializers.values(),
        ...inputs,
        ...outputs,
      ]);
    },
  };
}

/** The `ModelProto` of a graph: IR version 10, opset 21, and the operators of onnxruntime. */
export function encodeModel(graph: Graph): Uint8Array {
  return Buffer.concat([
    integer(1, 10),
    text(2, 'detoxq'),
    bytes(7, graph.encode()),
    message(8, [text(1, ''), integer(2, 21)]),
    message(8, [text(1, 'com.microsoft'), integer(2, 1)]),
  ]);
}
