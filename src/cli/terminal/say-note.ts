import type { Dataset } from '../../producer/dataset.ts';
import { visible } from './visible.ts';

const said = new Set<string>();

/** What was guessed about a source, or looks wrong in it: a line of standard error. Once: a command may open a file several times. */
export function sayNote(note: string): void {
  if (said.has(note)) return;
  said.add(note);
  process.stderr.write(`${visible(note)}\n`);
}

/** The columns that were taken, and how: nothing is guessed in silence. */
export function sayColumns({ textColumn, guessedFrom, idColumn, source }: Dataset): void {
  if (textColumn === null) return;
  const guessed = guessedFrom === null ? '' : ` (${guessedText(guessedFrom)}; --text-column to change)`;
  sayNote(`Text column: ${textColumn}${guessed}`);
  if (idColumn === null) return;
  sayNote(
    `Id column: ${idColumn}${source.options.idColumnFound === null ? '' : ' (found by its name; --id-column to change)'}`,
  );
}

export function guessedText(columns: number): string {
  return columns === 1 ? 'the only column' : `guessed from ${columns} columns`;
}
