import { CheckpointError } from '../../../contract/errors.ts';

/** A class or function that a pickle names, as `module.name`. It stays a name: no code is looked up. */
interface Global {
  readonly global: string;
}

/** Values in the pickles of a state dict. Tuples and lists are both arrays. `Made` comes from `PickleRules`. */
export type PickleValue<Made> =
  | null
  | boolean
  | number
  | string
  | Global
  | Made
  | PickleValue<Made>[]
  | Map<PickleValue<Made>, PickleValue<Made>>;

/** What a pickle may do. Each rule throws for anything unknown. */
interface PickleRules<Made> {
  /** Whether a pickle may use this name. */
  readonly allowed: ReadonlySet<string>;
  /** Result of a call (REDUCE). */
  call(global: string, args: readonly PickleValue<Made>[]): PickleValue<Made>;
  /** Value of a persistent id. */
  persistent(id: PickleValue<Made>): PickleValue<Made>;
}

const MARK = Symbol('mark');
/** A tensor takes about 25 instructions. An instruction of one byte can make an object of 200 bytes. */
const MAX_INSTRUCTIONS = 2_000_000;

/**
 * Reads the protocol-2 pickles that `torch.save` writes for a state dict, with the opcodes that occur there and no others
 * (https://github.com/python/cpython/blob/main/Lib/pickletools.py). A pickle is a program for a stack machine. This machine
 * has no instruction that imports or runs code: GLOBAL pushes a name from a short list, REDUCE calls one of `rules`, BUILD
 * may only attach metadata to a dictionary. Work and memory are linear in the bytes.
 *
 * @throws CheckpointError for everything else, with opcode and position
 */
export function unpickle<Made extends object>(
  file: string,
  bytes: Uint8Array,
  rules: PickleRules<Made>,
): PickleValue<Made> {
  type Value = PickleValue<Made>;
  const data = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const text = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true });
  const stack: (Value | typeof MARK)[] = [];
  const memo = new Map<number, Value>();
  let at = 0;

  const wrong = (what: string, cause?: unknown) =>
    new CheckpointError(`${file}: the pickle in it ${what}`, cause === undefined ? {} : { cause });

  function take(length: number): number {
    const start = at;
    if (length > bytes.length - at) throw wrong('is cut short');
    at += length;
    return start;
  }
  function utf8(length: number): string {
    const start = take(length);
    try {
      return text.decode(bytes.subarray(start, at));
    } catch (cause) {
      throw wrong(`has a string at byte ${start} that is not UTF-8`, cause);
    }
  }
  function line(): string {
    const end = bytes.indexOf(10, at);
    if (end < 0) throw wrong('is cut short');
    const value = utf8(end - at);
    at++;
    return value;
  }
  function pop(): Value {
    const value = stack.pop();
    if (value === undefined || value === MARK) throw wrong(`takes a value that is not there, at byte ${at}`);
    return value;
  }
  function top(): Value {
    const value = pop();
    stack.push(value);
    return value;
  }
  function popToMark(): Value[] {
    const from = stack.lastIndexOf(MARK);
    if (from < 0) throw wrong(`takes values that are not there, at byte ${at}`);
    const values = stack.splice(from) as (Value | typeof MARK)[];
    return values.slice(1).map((value) => (value === MARK ? null : value));
  }
  function popTuple(length: number): Value[] {
    return Array.from({ length }, pop).reverse();
  }
  function recall(index: number): Value {
    const value = memo.get(index);
    if (value === undefined) throw wrong(`refers to a value ${index} that it never made`);
    return value;
  }
  function setItems(items: readonly Value[]): void {
    const target = top();
    if (!(target instanceof Map) || items.length % 2 !== 0)
      throw wrong(`fills something that is not a dictionary, at byte ${at}`);
    for (let i = 0; i < items.length; i += 2) target.set(items[i] ?? null, items[i + 1] ?? null);
  }
  function append(items: readonly Value[]): void {
    const target = top();
    if (!Array.isArray(target)) throw wrong(`fills something that is not a list, at byte ${at}`);
    for (const item of items) target.push(item);
  }
  /** Little-endian two's complement. */
  function long(): number {
    const length = data.getUint8(take(1));
    const start = take(length);
    let value = 0n;
    for (let i = length - 1; i >= 0; i--) value = (value << 8n) | BigInt(data.getUint8(start + i));
    const number = Number(BigInt.asIntN(8 * length, value));
    if (!Number.isSafeInteger(number)) throw wrong('has a number of more than 53 bits');
    return number;
  }
  function global(): Global {
    const module = line();
    const name = `${module}.${line()}`;
    if (!rules.allowed.has(name)) {
      throw wrong(
        `names ${JSON.stringify(name.slice(0, 100))}, which no checkpoint of weights needs. It was not looked up and nothing was run; do not load this file with other tools`,
      );
    }
    return { global: name };
  }
  function reduce(): Value {
    const args = pop();
    const callee = pop();
    if (!isGlobal(callee) || !Array.isArray(args)) throw wrong(`calls what cannot be called, at byte ${at}`);
    return rules.call(callee.global, args);
  }
  function build(): void {
    const state = pop();
    if (!(state instanceof Map) || !(top() instanceof Map)) throw wrong(`sets the state of an object, at byte ${at}`);
  }

  for (let done = 0; done < MAX_INSTRUCTIONS; done++) {
    const place = take(1);
    const opcode = data.getUint8(place);
    // biome-ignore format: a table
    switch (opcode) {
      case 0x80: { // PROTO
        const version = data.getUint8(take(1));
        if (version !== 2) throw wrong(`has protocol ${version}: torch writes 2 unless it is told otherwise`);
        break;
      }
      case 0x63: stack.push(global()); break; // GLOBAL
      case 0x52: stack.push(reduce()); break; // REDUCE
      case 0x62: build(); break; // BUILD
      case 0x51: stack.push(rules.persistent(pop())); break; // BINPERSID
      case 0x28: stack.push(MARK); break; // MARK
      case 0x4e: stack.push(null); break; // NONE
      case 0x88: stack.push(true); break; // NEWTRUE
      case 0x89: stack.push(false); break; // NEWFALSE
      case 0x4a: stack.push(data.getInt32(take(4), true)); break; // BININT
      case 0x4b: stack.push(data.getUint8(take(1))); break; // BININT1
      case 0x4d: stack.push(data.getUint16(take(2), true)); break; // BININT2
      case 0x8a: stack.push(long()); break; // LONG1
      case 0x47: stack.push(data.getFloat64(take(8))); break; // BINFLOAT
      case 0x58: stack.push(utf8(data.getUint32(take(4), true))); break; // BINUNICODE
      case 0x29: stack.push([]); break; // EMPTY_TUPLE
      case 0x74: stack.push(popToMark()); break; // TUPLE
      case 0x85: stack.push(popTuple(1)); break; // TUPLE1
      case 0x86: stack.push(popTuple(2)); break; // TUPLE2
      case 0x87: stack.push(popTuple(3)); break; // TUPLE3
      case 0x5d: stack.push([]); break; // EMPTY_LIST
      case 0x61: append([pop()]); break; // APPEND
      case 0x65: append(popToMark()); break; // APPENDS
      case 0x7d: stack.push(new Map()); break; // EMPTY_DICT
      case 0x73: setItems(popTuple(2)); break; // SETITEM
      case 0x75: setItems(popToMark()); break; // SETITEMS
      case 0x71: memo.set(data.getUint8(take(1)), top()); break; // BINPUT
      case 0x72: memo.set(data.getUint32(take(4), true), top()); break; // LONG_BINPUT
      case 0x68: stack.push(recall(data.getUint8(take(1)))); break; // BINGET
      case 0x6a: stack.push(recall(data.getUint32(take(4), true))); break; // LONG_BINGET
      case 0x2e: { // STOP
        const result = pop();
        if (stack.length > 0 || at !== bytes.length) throw wrong('goes on after its end');
        return result;
      }
      default:
        throw wrong(`has the opcode 0x${opcode.toString(16).padStart(2, '0')} at byte ${place}, which no state dict needs: nothing was run`);
    }
  }
  throw wrong(`has more than ${MAX_INSTRUCTIONS} instructions`);
}

export function isGlobal(value: unknown): value is Global {
  return typeof value === 'object' && value !== null && 'global' in value;
}
