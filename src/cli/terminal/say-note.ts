import { visible } from './visible.ts';

const said = new Set<string>();

/** What was guessed about a source, or looks wrong in it: a line of standard error. Once: a command may open a file several times. */
export function sayNote(note: string): void {
  if (said.has(note)) return;
  said.add(note);
  process.stderr.write(`${visible(note)}\n`);
}
