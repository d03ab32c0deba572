import type { JsonObject, JsonValue } from '../contract/row.ts';
import { isTooLarge, MAX_KEY_CHARS, type ReadFault, type RowReader, reject, rejectUnreadable } from './row-reader.ts';
import {
  freeKey,
  isDeeperThan,
  MAX_JSON_DEPTH,
  quoteUnsafeNumbers,
  type Repair,
  setOwn,
  storableObject,
  storableText,
  withRepairs,
} from './storable.ts';

/** Which keys of a JSONL object are the text and the row key. */
export interface JsonLayout {
  /** Null where the rows are bare strings. */
  readonly textColumn: string | null;
  readonly idColumn: string | null;
}

/** Lines of JSON objects, or of bare strings. */
export function createJsonRowReader(name: string, layout: JsonLayout, maxTextBytes: number): RowReader {
  const { textColumn, idColumn } = layout;

  return (record, rowNo, suspect) => {
    const fail = (code: ReadFault, reason: string, rowKey: string | null = null) =>
      reject(name, record, rowNo, rowKey, code, reason);

    const unreadable = rejectUnreadable(name, record, rowNo, suspect, maxTextBytes);
    if (unreadable !== null) return unreadable;
    const repairs = suspect ? new Set<Repair>() : null;
    const parsed = parseLine(record.fields[0] ?? '', repairs);
    if ('fault' in parsed) return fail('invalid_json', parsed.fault);
    const { value } = parsed;

    let text: JsonValue | undefined;
    let rowKey: string | null = null;
    let meta: JsonObject | null = null;
    if (typeof value === 'string') {
      text = value;
    } else if (value === null || typeof value !== 'object' || Array.isArray(value)) {
      return fail('invalid_json', 'neither an object nor a string');
    } else if (textColumn === null) {
      return fail('missing_text', 'an object, where the first rows are strings; name its text with --text-column');
    } else {
      rowKey = idColumn === null ? null : keyOf(value[idColumn]);
      meta = metaOf(value, textColumn, rowKey === null ? null : idColumn);
      text = Object.hasOwn(value, textColumn) ? value[textColumn] : undefined;
    }

    if (rowKey !== null && rowKey.length > MAX_KEY_CHARS) {
      return fail('too_large', `the id ("${idColumn}") has more than ${MAX_KEY_CHARS} characters`);
    }
    if (rowKey !== null && repairs !== null) rowKey = storableText(rowKey, repairs);
    if (text === undefined) return fail('missing_text', `no "${textColumn}"`, rowKey);
    if (text === null) return fail('missing_text', `null as "${textColumn}"`, rowKey);
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

/** The value of a line. With `repairs`, numbers that JavaScript cannot hold come as strings, and that is noted. */
export function parseLine(line: string, repairs: Set<Repair> | null): { value: JsonValue } | { fault: string } {
  try {
    const value: JsonValue = JSON.parse(line);
    if (repairs === null) return { value };
    const quoted = UNSAFE_NUMBER.test(line) ? quoteUnsafeNumbers(line) : line;
    if (quoted === line) return { value };
    repairs.add('number');
    return { value: JSON.parse(quoted) };
  } catch (error) {
    // The parser's own message quotes the text, so only its position is kept.
    const message = error instanceof Error ? error.message : '';
    const position = /position (\d+)/.exec(message)?.[1];
    const cutShort = /Unexpected end|Unterminated/.test(message);
    if (cutShort) return { fault: 'not JSON: the line ends too early' };
    return { fault: position === undefined ? 'not JSON' : `not JSON from character ${Number(position) + 1} on` };
  }
}

/** A row key from a JSON value: strings and numbers; null for what is no key. */
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
