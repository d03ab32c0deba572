import { rename, rm, writeFile } from 'node:fs/promises';
import { DetoxqError } from '../contract/errors.ts';

/** Writes a file, which appears only when it is complete. */
export async function writeTextFile(path: string, text: string): Promise<void> {
  const unfinished = `${path}.${process.pid}.part`;
  try {
    await writeFile(unfinished, text);
    await rename(unfinished, path);
  } catch (error) {
    await rm(unfinished, { force: true });
    if (error instanceof Error && 'code' in error) {
      throw new DetoxqError(`Cannot write ${path}: ${error.message}`, { cause: error });
    }
    throw error;
  }
}
