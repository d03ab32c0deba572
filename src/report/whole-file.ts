import { type FileHandle, open, rename, rm } from 'node:fs/promises';
import { DetoxqError } from '../contract/errors.ts';

/**
 * Writes a file that appears only when it is complete (temporary name, then rename); nothing is left of one that failed.
 *
 * @throws DetoxqError when the file cannot be written
 */
export async function writeWholeFile<T>(path: string, write: (file: FileHandle) => Promise<T>): Promise<T> {
  const unfinished = `${path}.${process.pid}.part`;
  try {
    // Opened before anything can fail: a stream opens its file later, maybe after the clean-up below.
    const file = await open(unfinished, 'w');
    const result = await write(file).finally(() => file.close());
    await rename(unfinished, path);
    return result;
  } catch (error) {
    await rm(unfinished, { force: true });
    if (error instanceof Error && 'code' in error && 'syscall' in error) {
      throw new DetoxqError(`Cannot write ${path}: ${error.message}`, { cause: error });
    }
    throw error;
  }
}
