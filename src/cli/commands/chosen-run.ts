import { basename } from 'node:path';
import { createInterface } from 'node:readline/promises';
import type { Run, RunProgress } from '../../contract/run.ts';
import { minuteOf } from '../../store/runs.ts';
import { counted } from '../../util/format.ts';
import { visible } from '../terminal/visible.ts';

/** What `latest` stands for when a command is typed may be another run than the one that was meant. */
export function isLatest(reference: string): boolean {
  return reference === 'latest';
}

/** For a question or a message: which run it is, in words that its user knows. */
export function describeRun({ id, name, source, createdAt }: Run, { state, rowsDone }: RunProgress): string {
  const files = source.files.map(({ path }) => (path === '-' ? 'standard input' : basename(path)));
  const shown = files.length > 2 ? [files[0], `${files.length - 1} more files`] : files;
  const called = name === null ? '' : `, named ${visible(name)}`;
  return `run ${id}${called}: ${visible(shown.join(', '))}, ${state}, ${counted(rowsDone, 'row')} done, made ${minuteOf(createdAt)}`;
}

export function canAsk(): boolean {
  return process.stdin.isTTY === true && process.stderr.isTTY === true;
}

/** Asks on the terminal. False also when the question is left with Ctrl-C or Ctrl-D. */
export async function isConfirmed(question: string): Promise<boolean> {
  const terminal = createInterface({ input: process.stdin, output: process.stderr });
  const left = new Promise<string>((resolve) => terminal.once('close', () => resolve('')));
  try {
    const answer = await Promise.race([terminal.question(`${question} Type yes: `), left]);
    return answer.trim().toLowerCase() === 'yes';
  } finally {
    terminal.close();
  }
}
