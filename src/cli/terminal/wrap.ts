import { displayWidth } from './text-width.ts';

/** Lines of at most `width` columns, broken at spaces; leading spaces stay, and a longer word is broken. */
export function wrap(text: string, width: number): string[] {
  const lines: string[] = [];
  let line = /^ */.exec(text)?.[0] ?? '';
  for (const word of text.trimStart().split(' ')) {
    let rest = word;
    const joined = line.trim() === '' ? line + rest : `${line} ${rest}`;
    if (displayWidth(joined) <= width) {
      line = joined;
      continue;
    }
    if (line.trim() !== '') lines.push(line);
    while (displayWidth(rest) > width) {
      const cut = beginning(rest, width);
      lines.push(cut);
      rest = rest.slice(cut.length);
    }
    line = rest;
  }
  return [...lines, line];
}

/** As much of a word as fits, up to where it may be broken: after a joint, as in paths, and before a capital, as in classes. */
function beginning(word: string, width: number): string {
  let cut = '';
  for (const character of word) {
    if (displayWidth(cut + character) > width) break;
    cut += character;
  }
  if (cut === '') return [...word][0] ?? '';
  // A place in the first half would leave too much empty.
  const place = Math.max(...[...`${cut}${word.charAt(cut.length)}`.matchAll(JOINT)].map(({ index }) => index));
  return place > cut.length / 2 ? cut.slice(0, place) : cut;
}

const JOINT = /(?<=[-/_.,])(?=.)|(?<=[a-z])(?=[A-Z])/g;
