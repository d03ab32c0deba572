import { randomUUID } from 'node:crypto';
import { rename, rm, writeFile } from 'node:fs/promises';
import { dirname } from 'node:path';
import { makeFolder } from '../contract/make-folder.ts';

/** Writes a file so that other processes see all of it or nothing. Creates its folder. */
export async function writeFileAtomically(file: string, content: string | Uint8Array): Promise<void> {
  makeFolder(dirname(file));
  const temporary = `${file}.${randomUUID()}.tmp`;
  try {
    await writeFile(temporary, content);
    await rename(temporary, file);
  } catch (error) {
    await rm(temporary, { force: true });
    throw error;
  }
}
