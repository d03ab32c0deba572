/**
 * Controls, marks that turn the direction of what follows, and spaces without a width: a terminal obeys them, and so
 * shows what is not there. Joiners (U+200C, U+200D) stay: scripts and emoji need them.
 */
const UNSEEN = /[\p{Cc}\u061c\u180e\u200b\u200e\u200f\u2028-\u202e\u2060-\u206f\ufeff\ufff9-\ufffb]/gu;
/** Most of what is printed has none. */
const PLAIN = /^[\x20-\x7e\n]*$/;
/** Bold, dim, and the four colours that detoxq uses, with their ends. */
// biome-ignore lint/suspicious/noControlCharactersInRegex: they are what is looked for
const OWN_STYLE = /\u001b\[(?:1|2|22|31|32|33|36|39)m/g;

/**
 * A foreign name, or any text, in one line: such characters as pictures or escapes, so that a terminal prints them and
 * obeys none. To be used where a name enters a line that is made for people.
 */
export function visible(text: string): string {
  return text.replace(UNSEEN, (character) => {
    if (character === '\n') return '⏎';
    if (character === '\t') return ' ';
    return escaped(character);
  });
}

/**
 * The last gate before a screen: whatever a message holds, only line ends, tabs and the styles that detoxq itself uses
 * reach it. What is escaped here stays valid within a string of JSON.
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
