type Expected = 'value' | 'value or ]' | 'key' | 'key or }' | 'colon' | 'comma or end';

const LITERAL = /true|false|null|NaN|-?Infinity|-?(?:0|[1-9]\d*)(?:\.\d+)?(?:[eE][+-]?\d+)?/y;

/**
 * Where text stops being JSON: index of the first character that cannot stand there, or the length of the text where it
 * ends too early; null for valid JSON. It takes `NaN` and `Infinity` for numbers, as `parseLine` does.
 *
 * The parser of Node tells it for some faults only, and its words quote the text.
 */
export function jsonFaultAt(json: string): number | null {
  const opened: ('{' | '[')[] = [];
  // Widened: it is changed below in ways that the compiler does not follow.
  let expected = 'value' as Expected;
  let at = 0;
  for (;;) {
    while (isSpace(json.charCodeAt(at))) at += 1;
    if (at >= json.length) return expected === 'comma or end' && opened.length === 0 ? null : json.length;
    const character = json.charAt(at);
    if (expected === 'colon') {
      if (character !== ':') return at;
      expected = 'value';
      at += 1;
    } else if (expected === 'comma or end') {
      const within = opened.at(-1);
      if (character === ',' && within !== undefined) expected = within === '{' ? 'key' : 'value';
      else if (within !== undefined && character === (within === '{' ? '}' : ']')) opened.pop();
      else return at;
      at += 1;
    } else if ((character === '}' && expected === 'key or }') || (character === ']' && expected === 'value or ]')) {
      opened.pop();
      expected = 'comma or end';
      at += 1;
    } else if (character === '"') {
      const end = endOfString(json, at);
      if (end.fault) return end.at;
      expected = expected === 'key' || expected === 'key or }' ? 'colon' : 'comma or end';
      at = end.at;
    } else if (expected === 'key' || expected === 'key or }') {
      return at;
    } else if (character === '{' || character === '[') {
      opened.push(character);
      expected = character === '{' ? 'key or }' : 'value or ]';
      at += 1;
    } else {
      LITERAL.lastIndex = at;
      const literal = LITERAL.exec(json)?.[0];
      if (literal === undefined) return startsLiteral(json.slice(at)) ? json.length : at;
      expected = 'comma or end';
      at += literal.length;
    }
  }
}

/** Cut short in a word or a number. */
function startsLiteral(rest: string): boolean {
  return ['true', 'false', 'null', 'NaN', 'Infinity', '-Infinity'].some((word) => word.startsWith(rest));
}

function endOfString(json: string, start: number): { at: number; fault: boolean } {
  for (let at = start + 1; at < json.length; at += 1) {
    const code = json.charCodeAt(at);
    if (code === 34) return { at: at + 1, fault: false };
    if (code < 32) return { at, fault: true };
    if (code !== 92) continue;
    at += 1;
    const escaped = json.charAt(at);
    if (escaped === 'u') {
      const digits = /^[\da-fA-F]{0,4}/.exec(json.slice(at + 1, at + 5))?.[0].length ?? 0;
      if (digits < 4) return { at: at + 1 + digits, fault: true };
      at += 4;
    } else if (escaped !== '' && !'"\\/bfnrt'.includes(escaped)) {
      return { at, fault: true };
    }
  }
  return { at: json.length, fault: true };
}

function isSpace(code: number): boolean {
  return code === 32 || code === 9 || code === 10 || code === 13;
}
