import { fstatSync } from 'node:fs';
import { createInterface } from 'node:readline';
import { UsageError } from '../../../contract/errors.ts';
import { terminal } from '../../terminal/terminal.ts';

/** Texts that a model takes together: enough for full batches, few enough that the first answers come soon. */
const GROUP = 64;

/** The texts given as arguments, or else the lines of standard input, in groups. Empty lines are texts too. */
export async function* textGroups(given: readonly string[]): AsyncGenerator<readonly string[]> {
  if (given.length > 0) {
    for (let i = 0; i < given.length; i += GROUP) yield given.slice(i, i + GROUP);
    return;
  }
  // readline takes a folder for an input without lines.
  if (fstatSync(process.stdin.fd).isDirectory())
    throw new UsageError('standard input is a folder: give it lines of text');
  // Typed text needs a line of its own.
  if (process.stdin.isTTY) terminal.clear();
  if (process.stdin.isTTY) process.stderr.write('Reading texts from the terminal, one per line; Ctrl-D ends.\n');
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
