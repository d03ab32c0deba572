import type { JsonObject, JsonValue } from '../contract/row.ts';
import type { RawRecord } from './record.ts';
import { isTooLarge, MAX_KEY_CHARS, type RowReader, reject, rejectUnreadable } from './row-reader.ts';
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
    const unreadable = rejectUnreadable(name, record, rowNo, suspect, maxTextBytes);
    if (unreadable !== null) return unreadable;
    const repairs = new Set<Repair>();
    const parsed = parseLine(record.fields[0] ?? '', suspect ? repairs : null);
    if ('fault' in parsed) return reject(name, record, rowNo, null, 'invalid_json', parsed.fault);
    const { value } = parsed;

    if (typeof value === 'string') return row(value, null, null, record);
    if (value === null || typeof value !== 'object' || Array.isArray(value)) {
      return reject(name, record, rowNo, null, 'invalid_json', 'neither an object nor a string');
    }
    if (textColumn === null) {
      const reason = 'an object, where the first rows are strings; name its text with --text-column';
      return reject(name, record, rowNo, null, 'missing_text', reason);
    }

    const key = idColumn === null ? null : keyOf(value[idColumn]);
    const rowKey = key === null ? null : storableText(key, repairs);
    if (rowKey !== null && rowKey.length > MAX_KEY_CHARS) {
      const reason = `the id ("${idColumn}") has more than ${MAX_KEY_CHARS} characters`;
      return reject(name, record, rowNo, null, 'too_large', reason);
    }
    const text = Object.hasOwn(value, textColumn) ? value[textColumn] : undefined;
    if (text === undefined || text === null) {
      const reason = `${text === null ? 'null as' : 'no'} "${textColumn}"`;
      return reject(name, record, rowNo, rowKey, 'missing_text', reason);
    }
    if (typeof text !== 'string') {
      return reject(name, record, rowNo, rowKey, 'text_not_string', `"${textColumn}" is no string`);
    }
    const meta = metaOf(value, textColumn, key === null ? null : idColumn);
    if (meta !== null && isDeeperThan(meta, MAX_JSON_DEPTH)) {
      const reason = `nested deeper than ${MAX_JSON_DEPTH} levels`;
      return reject(name, record, rowNo, rowKey, 'invalid_json', reason);
    }
    return row(text, rowKey, meta, record);

    function row(text: string, rowKey: string | null, meta: JsonObject | null, record: RawRecord) {
      if (isTooLarge(text, maxTextBytes)) {
        return reject(name, record, rowNo, rowKey, 'too_large', `the text has more than ${maxTextBytes} bytes`);
      }
      if (!suspect) return { rowNo, rowKey, text, meta };
      const storable = storableText(text, repairs);
      const storableMeta = meta === null ? null : storableObject(meta, repairs);
      return { rowNo, rowKey, text: storable, meta: withRepairs(storableMeta, repairs) };
    }
  };
}

/** The value of a line. With `repairs`, numbers that JavaScript cannot hold come as strings, and that is noted. */
export function parseLine(line: string, repairs: Set<Repair> | null): { value: JsonValue } | { fault: string } {
  try {
    const value: JsonValue = JSON.parse(line);
    if (repairs === null) return { value };
    const quoted = quoteUnsafeNumbers(line);
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
