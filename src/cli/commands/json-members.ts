/** A member of a JSON object: its name, and its value as it was written. */
export interface JsonMember {
  readonly name: string;
  readonly value: string;
}

/**
 * The members of a JSON object in their order, also those whose names come twice or look like numbers, which an object of
 * JavaScript loses or moves. `{"a":1.10,"a":[2]}` → `a` 1.10, `a` [2].
 *
 * @param json a valid object
 */
export function jsonMembers(json: string): JsonMember[] {
  const members: JsonMember[] = [];
  let at = json.indexOf('{') + 1;
  for (;;) {
    at = skipSpace(json, at);
    if (json[at] === ',') at = skipSpace(json, at + 1);
    if (json[at] !== '"') return members;
    const nameEnd = endOfString(json, at);
    const valueAt = skipSpace(json, json.indexOf(':', nameEnd) + 1);
    const valueEnd = endOfValue(json, valueAt);
    members.push({ name: JSON.parse(json.slice(at, nameEnd)), value: json.slice(valueAt, valueEnd).trimEnd() });
    at = valueEnd;
  }
}

function skipSpace(json: string, from: number): number {
  let at = from;
  while (/\s/.test(json[at] ?? '')) at += 1;
  return at;
}

/** Position after the string that begins at `start`. */
function endOfString(json: string, start: number): number {
  let at = start + 1;
  while (at < json.length && json[at] !== '"') at += json[at] === '\\' ? 2 : 1;
  return at + 1;
}

/** Position of the comma or brace after the value that begins at `start`. */
function endOfValue(json: string, start: number): number {
  let depth = 0;
  let at = start;
  while (at < json.length) {
    const character = json[at];
    if (character === '"') {
      at = endOfString(json, at);
      continue;
    }
    if (character === '{' || character === '[') depth += 1;
    else if (character === '}' || character === ']') {
      if (depth === 0) return at;
      depth -= 1;
    } else if (character === ',' && depth === 0) return at;
    at += 1;
  }
  return at;
}
