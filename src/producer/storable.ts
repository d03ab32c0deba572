import type { JsonObject, JsonValue } from '../contract/row.ts';

/** What had to be changed so that Postgres can store a row: listed in `meta.detoxq.repaired`. */
export type Repair = 'nul' | 'surrogate' | 'number';

/** Deeper JSON than this is refused: Postgres and JSON.stringify both recurse. */
export const MAX_JSON_DEPTH = 100;

/** Text without NUL and lone surrogates, which neither UTF-8 nor Postgres can hold: each becomes U+FFFD. */
export function storableText(text: string, repairs: Set<Repair>): string {
  let result = text;
  if (result.includes('\0')) {
    repairs.add('nul');
    result = result.replaceAll('\0', '\ufffd');
  }
  if (/\p{Cs}/u.test(result)) {
    repairs.add('surrogate');
    result = result.replace(/\p{Cs}/gu, '\ufffd');
  }
  return result;
}

/** The same for every key and string of a JSON value. */
export function storableJson(value: JsonValue, repairs: Set<Repair>): JsonValue {
  if (typeof value === 'string') return storableText(value, repairs);
  if (Array.isArray(value)) return value.map((item) => storableJson(item, repairs));
  if (value === null || typeof value !== 'object') return value;
  return storableObject(value, repairs);
}

export function storableObject(object: JsonObject, repairs: Set<Repair>): JsonObject {
  const result: JsonObject = {};
  for (const [key, value] of Object.entries(object)) {
    setOwn(result, freeKey(result, storableText(key, repairs)), storableJson(value, repairs));
  }
  return result;
}

/** `meta` with the repairs noted under `detoxq`; unchanged when there are none. */
export function withRepairs(meta: JsonObject | null, repairs: ReadonlySet<Repair>): JsonObject | null {
  if (repairs.size === 0) return meta;
  return { ...meta, detoxq: { repaired: [...repairs].sort() } };
}

/** Sets a key of a plain object, `__proto__` too. */
export function setOwn(object: JsonObject, key: string, value: JsonValue): void {
  if (key === '__proto__') {
    Object.defineProperty(object, key, { value, enumerable: true, configurable: true, writable: true });
  } else {
    object[key] = value;
  }
}

/** `key`, with underscores added while the object has it. */
export function freeKey(object: JsonObject, key: string): string {
  let free = key;
  while (Object.hasOwn(object, free)) free += '_';
  return free;
}

export function isDeeperThan(value: JsonValue, levels: number): boolean {
  if (value === null || typeof value !== 'object') return false;
  if (levels === 0) return true;
  const items = Array.isArray(value) ? value : Object.values(value);
  return items.some((item) => isDeeperThan(item, levels - 1));
}

const TOKEN = /"[^"\\]*(?:\\.[^"\\]*)*"|-?\d+(?:\.\d+)?(?:[eE][+-]?\d+)?/g;

/**
 * JSON with those numbers as strings that JavaScript would change: integers beyond 2^53 (ids of posts, mostly)
 * and numbers beyond the doubles. The same text when there are none.
 */
export function quoteUnsafeNumbers(json: string): string {
  return json.replace(TOKEN, (token) => {
    if (token.startsWith('"')) return token;
    const number = Number(token);
    const safe = /^-?\d+$/.test(token) ? Number.isSafeInteger(number) : Number.isFinite(number);
    return safe ? token : `"${token}"`;
  });
}
