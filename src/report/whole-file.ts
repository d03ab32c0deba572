import { rmSync } from 'node:fs';
import { chmod, chown, type FileHandle, open, rename, rm, stat } from 'node:fs/promises';
import { dirname } from 'node:path';
import { DetoxqError } from '../contract/errors.ts';
import { fileFault, isSystemError } from '../contract/file-errors.ts';
import { resolveOutput, stagingOf } from './output-place.ts';

const SIGNALS = ['SIGINT', 'SIGTERM', 'SIGHUP'] as const;

/**
 * Writes a file that appears only when it is complete and on the disk (another name beside its place, then rename). What
 * lay there before stays until then, and its owner and permissions for good. Nothing is left of a file that failed, or that a signal
 * broke off.
 *
 * @param path a link is followed
 * @throws DetoxqError when the file cannot be written
 */
export async function writeWholeFile<T>(path: string, write: (file: FileHandle) => Promise<T>): Promise<T> {
  let folder = dirname(path);
  try {
    const place = await resolveOutput(path);
    folder = dirname(place);
    return await writeStaged(place, write);
  } catch (error) {
    if (!isSystemError(error)) throw error;
    throw new DetoxqError(`Cannot write ${path}: ${fileFault(error, folder)}. What was there before is as it was.`, {
      cause: error,
    });
  }
}

async function writeStaged<T>(place: string, write: (file: FileHandle) => Promise<T>): Promise<T> {
  const unfinished = stagingOf(place);
  const release = removeOnSignal(unfinished);
  try {
    const before = await stat(place).catch(() => null);
    // Opened before anything can fail: a stream opens its file later, maybe after the clean-up below.
    const file = await open(unfinished, 'wx', before === null ? 0o666 : 0o600);
    let result: T;
    try {
      result = await write(file);
      // A disk may take the bytes and say only now that it has no room.
      await file.sync();
    } finally {
      await file.close();
    }
    if (before !== null) {
      // Only the superuser may give a file away; for others it is theirs already, or becomes theirs.
      await chown(unfinished, before.uid, before.gid).catch(() => {});
      await chmod(unfinished, before.mode & 0o777);
    }
    await rename(unfinished, place);
    return result;
  } catch (error) {
    await rm(unfinished, { force: true });
    throw error;
  } finally {
    release();
  }
}

/** A command that does not listen for signals is ended by one as it would be without this. */
function removeOnSignal(path: string): () => void {
  const onSignal = (signal: NodeJS.Signals): void => {
    rmSync(path, { force: true });
    if (process.listenerCount(signal) > 1) return;
    process.off(signal, onSignal);
    process.kill(process.pid, signal);
  };
  for (const signal of SIGNALS) process.on(signal, onSignal);
  return () => {
    for (const signal of SIGNALS) process.off(signal, onSignal);
  };
}
