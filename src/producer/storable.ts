import { type JsonObject, type JsonValue, storableText } from '../contract/row.ts';

/** Changes that were needed so that Postgres can store a row. They are listed in `meta.detoxq.repaired`. */
export type Repair = 'nul' | 'surrogate' | 'number';

/** Deeper JSON than this is refused: Postgres and JSON.stringify both recurse. */
export const MAX_JSON_DEPTH = 100;

/** `storableText` for every key and string of a JSON value. */
function storableJson(value: JsonValue, repairs: Set<Repair>): JsonValue {
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

/** `meta` with the repairs noted under `detoxq`; unchanged without repairs. */
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

const NUMBER = /NaN|-?Infinity|-?\d+(?:\.\d+)?(?:[eE][+-]?\d+)?/y;

/**
 * JSON with other text for those numbers that JavaScript or JSON cannot hold: integers beyond 2^53 (ids of posts, mostly),
 * numbers beyond the doubles, and `NaN`, `Infinity` and `-Infinity`, which Python writes. Without such numbers, the text stays the same.
 */
export function replaceUnsafeNumbers(json: string, replacement: (number: string) => string): string {
  let result = '';
  let copied = 0;
  let index = 0;
  while (index < json.length) {
    const code = json.charCodeAt(index);
    if (code === 34) {
      index = endOfString(json, index);
    } else if (code === 45 || (code >= 48 && code <= 57) || code === 73 || code === 78) {
      NUMBER.lastIndex = index;
      const token = NUMBER.exec(json)?.[0] ?? json.charAt(index);
      const number = Number(token);
      const safe = /^-?\d+$/.test(token) ? Number.isSafeInteger(number) : Number.isFinite(number);
      if (!safe && token !== '-' && token !== 'I' && token !== 'N') {
        result += json.slice(copied, index) + replacement(token);
        copied = index + token.length;
      }
      index += token.length;
    } else {
      index += 1;
    }
  }
  return copied === 0 ? json : result + json.slice(copied);
}

/** Such numbers as strings, with all their digits. */
export function quoteUnsafeNumbers(json: string): string {
  return replaceUnsafeNumbers(json, (number) => `"${number}"`);
}

/** Position after the string that begins at `start`. */
function endOfString(json: string, start: number): number {
  let end = json.indexOf('"', start + 1);
  while (end !== -1) {
    let slashes = 0;
    while (json.charCodeAt(end - 1 - slashes) === 92) slashes += 1;
    if (slashes % 2 === 0) return end + 1;
    end = json.indexOf('"', end + 1);
  }
  return json.length;
}
