import type { JsonObject, JsonValue } from '../contract/row.ts';

const UNSTORABLE = /[\0\p{Surrogate}]/gu;

/**
 * Text as Postgres can store it: NUL characters and lone surrogates become U+FFFD. Rows come clean from the producer;
 * this is for what a model or an error may bring, since one such character would fail its whole chunk, on every try.
 */
export function storableText(text: string): string {
  return text.replace(UNSTORABLE, '\ufffd');
}

/** JSON text for `jsonb`, with the same care for every key and string. */
export function storableJson(value: JsonObject): string {
  const json = JSON.stringify(value);
  // Only NULs and lone surrogates (and, harmlessly, a backslash before such digits) are escaped like this.
  return /\\u(?:0000|d[89a-f])/i.test(json) ? JSON.stringify(clean(value)) : json;
}

function clean(value: JsonValue): JsonValue {
  if (typeof value === 'string') return storableText(value);
  if (Array.isArray(value)) return value.map(clean);
  if (value === null || typeof value !== 'object') return value;
  return Object.fromEntries(Object.entries(value).map(([key, item]) => [storableText(key), clean(item)]));
}
