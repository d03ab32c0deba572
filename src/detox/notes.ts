import type { JsonObject, JsonValue } from '../contract/row.ts';
import type { Guard } from './guards.ts';

/** `meta` of a row with the guards that its rewrite failed under `detoxq.guard`; as it was if there are none. */
export function withGuards(meta: JsonObject | null, guards: readonly Guard[]): JsonObject | null {
  if (guards.length === 0) return meta;
  const notes = meta?.detoxq;
  const others = isObject(notes) ? notes : {};
  return { ...meta, detoxq: { ...others, guard: [...guards] } };
}

function isObject(value: JsonValue | undefined): value is JsonObject {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
