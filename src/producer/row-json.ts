import { isObject, type JsonObject, type JsonValue, storableText } from '../contract/row.ts';
import { jsonFaultAt } from './json-fault.ts';
import {
  isTooLarge,
  MAX_KEY_CHARS,
  type ReadFault,
  type RowReader,
  type RowReading,
  reject,
  rejectUnreadable,
} from './row-reader.ts';
import {
  freeKey,
  isDeeperThan,
  MAX_JSON_DEPTH,
  quoteUnsafeNumbers,
  type Repair,
  replaceUnsafeNumbers,
  setOwn,
  storableObject,
  withRepairs,
} from './storable.ts';

/** Which keys of a JSONL object are the text and the row key. */
interface JsonLayout {
  /** Null where the rows are bare strings. */
  readonly textColumn: string | null;
  readonly idColumn: string | null;
}

/** Lines of JSON objects, or of bare strings. */
export function createJsonRowReader(name: string, layout: JsonLayout, reading: RowReading): RowReader {
  const { maxTextBytes } = reading;
  const { textColumn, idColumn } = layout;

  return (record, rowNo, mayNeedRepair) => {
    const fail = (code: ReadFault, reason: string, rowKey: string | null = null) =>
      reject(name, record, rowNo, rowKey, code, reason);

    const unreadable = rejectUnreadable(name, record, rowNo, mayNeedRepair, reading);
    if (unreadable !== null) return unreadable;
    const parsed = parseLine(record.fields[0] ?? '', mayNeedRepair);
    if ('fault' in parsed) return fail('invalid_json', parsed.fault);
    const { value, asWritten } = parsed;
    const isRepaired = asWritten !== value;
    const repairs = mayNeedRepair || isRepaired ? new Set<Repair>(isRepaired ? ['number'] : []) : null;

    let text: JsonValue | undefined;
    let rowKey: string | null = null;
    let meta: JsonObject | null = null;
    if (typeof value === 'string') {
      text = value;
    } else if (!isObject(value)) {
      return fail('invalid_json', 'neither an object nor a string');
    } else if (textColumn === null) {
      return fail('missing_text', 'an object, where the first rows are strings; name its text with --text-column');
    } else {
      const written = isObject(asWritten) ? asWritten : value;
      rowKey = idColumn === null || isNothing(written[idColumn]) ? null : keyOf(value[idColumn]);
      meta = metaOf(value, textColumn, rowKey === null ? null : idColumn);
      text = Object.hasOwn(written, textColumn) ? written[textColumn] : undefined;
    }

    if (rowKey !== null && rowKey.length > MAX_KEY_CHARS) {
      return fail('too_large', `the id ("${idColumn}") has more than ${MAX_KEY_CHARS} characters`);
    }
    if (rowKey !== null && repairs !== null) rowKey = storableText(rowKey, repairs);
    if (text === undefined) return fail('missing_text', `no "${textColumn}"`, rowKey);
    if (text === null) return fail('missing_text', `null or NaN as "${textColumn}"`, rowKey);
    if (typeof text !== 'string') return fail('text_not_string', `"${textColumn}" is no string`, rowKey);
    if (isTooLarge(text, maxTextBytes))
      return fail('too_large', `the text has more than ${maxTextBytes} bytes`, rowKey);
    if (meta !== null && isDeeperThan(meta, MAX_JSON_DEPTH)) {
      return fail('invalid_json', `nested deeper than ${MAX_JSON_DEPTH} levels`, rowKey);
    }
    if (repairs === null) return { rowNo, rowKey, text, meta };
    const storable = storableText(text, repairs);
    const storableMeta = meta === null ? null : storableObject(meta, repairs);
    return { rowNo, rowKey, text: storable, meta: withRepairs(storableMeta, repairs) };
  };
}

/** A line that may have numbers to quote; digits after a point, as in probabilities, do no harm. */
const UNSAFE_NUMBER = /(?<![.\d])\d{16}|\d[eE]\+?\d{3}/;

/** Numbers that Python writes and JSON does not have. */
const NOT_FINITE = /NaN|Infinity/;

interface ParsedLine {
  /** Numbers that JavaScript cannot hold are strings. */
  readonly value: JsonValue;
  /** The same, but such numbers are 0, and `NaN` and infinities null: to tell what was a string. */
  readonly asWritten: JsonValue;
}

/** The value of a line, or why it has none. Only what is `mayNeedRepair` is searched for numbers beyond 2^53. */
export function parseLine(line: string, mayNeedRepair: boolean): ParsedLine | { readonly fault: string } {
  let parsed: { value: JsonValue } | null = null;
  try {
    parsed = { value: JSON.parse(line) };
  } catch {
    // May be NaN.
  }
  if (parsed !== null && !(mayNeedRepair && UNSAFE_NUMBER.test(line))) {
    return { value: parsed.value, asWritten: parsed.value };
  }
  try {
    if (parsed === null && !NOT_FINITE.test(line)) return { fault: faultOf(line) };
    const repaired = quoteUnsafeNumbers(line);
    if (parsed !== null && repaired === line) return { value: parsed.value, asWritten: parsed.value };
    const kinds = replaceUnsafeNumbers(line, (number) => (NOT_FINITE.test(number) ? 'null' : '0'));
    return { value: JSON.parse(repaired), asWritten: JSON.parse(kinds) };
  } catch {
    return { fault: faultOf(line) };
  }
}

/** Where a line is broken, without its text. */
function faultOf(line: string): string {
  const at = jsonFaultAt(line);
  if (at === null) return 'not JSON';
  if (at >= line.length) return `not JSON: the line ends too early, after ${line.length} characters`;
  return `not JSON from character ${at + 1} on`;
}

function isNothing(value: JsonValue | undefined): boolean {
  return value === undefined || value === null;
}

/** A row key from a JSON value, which is a string or a number; null for other values. */
function keyOf(value: JsonValue | undefined): string | null {
  if (typeof value === 'string') return value === '' ? null : value;
  return typeof value === 'number' ? String(value) : null;
}

function metaOf(object: JsonObject, textColumn: string, idColumn: string | null): JsonObject | null {
  let meta: JsonObject | null = null;
  for (const key of Object.keys(object)) {
    if (key === textColumn || key === idColumn) continue;
    meta ??= {};
    const value = object[key];
    if (value !== undefined) setOwn(meta, key === 'detoxq' ? freeKey(object, key) : key, value);
  }
  return meta;
}
