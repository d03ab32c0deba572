/**
 * Control characters, marks that change the direction of text, and spaces without a width. A terminal obeys them, so that it
 * would show something else than the text. Joiners (U+200C, U+200D) stay: scripts and emoji need them.
 */
const UNSEEN = /[\p{Cc}\u061c\u180e\u200b\u200e\u200f\u2028-\u202e\u2060-\u206f\ufeff\ufff9-\ufffb]/gu;
/** Most of what is printed has none. */
const PLAIN = /^[\x20-\x7e\n]*$/;
/** Bold, dim, and the four colours that detoxq uses, with their ends. */
// biome-ignore lint/suspicious/noControlCharactersInRegex: they are what is looked for
const OWN_STYLE = /\u001b\[(?:1|2|22|31|32|33|36|39)m/g;

/**
 * A foreign name, or any text, on one line, with such characters as pictures or escapes. Use it where a name enters a line
 * that people read.
 */
export function visible(text: string): string {
  return text.replace(UNSEEN, (character) => {
    if (character === '\n') return '⏎';
    if (character === '\t') return ' ';
    return escaped(character);
  });
}

/**
 * The last filter before the terminal: of control characters, only line ends, tabs and the styles of detoxq itself pass.
 * Escaped text stays valid inside a JSON string.
 */
export function forScreen(text: string): string {
  if (PLAIN.test(text)) return text;
  const styles = text.match(OWN_STYLE) ?? [];
  return text
    .split(OWN_STYLE)
    .map((part, n) => withoutControls(part) + (styles[n] ?? ''))
    .join('');
}

function withoutControls(text: string): string {
  return text.replace(UNSEEN, (character) =>
    character === '\n' || character === '\t' ? character : escaped(character),
  );
}

function escaped(character: string): string {
  const code = (character.codePointAt(0) ?? 0).toString(16);
  return code.length > 2 || character > '\u007f' ? `\\u${code.padStart(4, '0')}` : `\\x${code.padStart(2, '0')}`;
}
