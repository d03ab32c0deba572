import { createInterface } from 'node:readline';
import { terminal } from './terminal.ts';

/** Texts that a model takes together: enough for full batches, few enough that the first answers come soon. */
const GROUP = 64;

/** The texts given as arguments, or else the lines of standard input, in groups. Empty lines are texts too. */
export async function* textGroups(given: readonly string[]): AsyncGenerator<readonly string[]> {
  if (given.length > 0) {
    for (let i = 0; i < given.length; i += GROUP) yield given.slice(i, i + GROUP);
    return;
  }
  // What is typed needs a line of its own.
  if (process.stdin.isTTY) terminal.clear();
  if (process.stdin.isTTY) process.stderr.write('Reading texts from the terminal, one a line; Ctrl-D ends.\n');
  const size = process.stdin.isTTY ? 1 : GROUP;
  let group: string[] = [];
  for await (const line of createInterface({ input: process.stdin, crlfDelay: Infinity })) {
    group.push(line);
    if (group.length < size) continue;
    yield group;
    group = [];
  }
  if (group.length > 0) yield group;
}
