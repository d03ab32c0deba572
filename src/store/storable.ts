import { type JsonObject, type JsonValue, storableText } from '../contract/row.ts';

/**
 * JSON text for `jsonb`, with `storableText` for every key and string. The rows of the producer are storable already; this is
 * for texts of models and errors, since one such character would fail its whole chunk at every attempt.
 */
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
