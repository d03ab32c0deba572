import { statfsSync } from 'node:fs';
import { dirname, resolve } from 'node:path';

/** What a refused call of the file system means, by its code; the words follow a name and a colon. */
const WORDS: Readonly<Record<string, string>> = {
  EACCES: 'no permission',
  EBUSY: 'it is in use',
  EDQUOT: 'the disk quota of this user is used up',
  EEXIST: 'a file lies there already',
  EFBIG: 'the file would be larger than this process may write (see ulimit -f) or than the file system takes',
  EIO: 'the disk reports an error (EIO)',
  EISDIR: 'it is a folder',
  ELOOP: 'its links lead in a circle',
  EMFILE: 'this process has too many files open (see ulimit -n)',
  ENAMETOOLONG: 'the name is too long',
  ENFILE: 'this machine has too many files open',
  ENOENT: 'no such file or folder',
  ENOSPC: 'no space is left on the disk',
  ENOTDIR: 'a part of the path is not a folder',
  EPERM: 'this is not permitted',
  EROFS: 'the file system is read-only',
};

/** The same for calls that open a connection or start a process. */
export const NO_FILES_LEFT: Readonly<Record<string, string>> = {
  EMFILE: 'this process has too many files and connections open: raise ulimit -n, and start it again',
  ENFILE: 'this machine has too many files and connections open',
};

/** Codes that mean a lack of room. */
const FULL: readonly string[] = ['ENOSPC', 'EDQUOT', 'EFBIG'];

/** An error of the operating system, as Node throws it. */
export interface SystemError extends Error {
  /** `ENOSPC` and the like. */
  readonly code: string;
  readonly syscall: string;
  readonly path?: string;
}

export function isSystemError(error: unknown): error is SystemError {
  return (
    error instanceof Error &&
    'code' in error &&
    typeof error.code === 'string' &&
    'syscall' in error &&
    typeof error.syscall === 'string'
  );
}

/**
 * Why a call of the file system failed, in words: `no space is left on the disk`. Other errors keep their own text.
 *
 * @param folder where it happened; for a full disk, the words say how much is free there
 */
export function fileFault(error: unknown, folder?: string): string {
  if (!isSystemError(error)) return error instanceof Error ? error.message : String(error);
  const words = WORDS[error.code] ?? error.message;
  if (folder === undefined || error.code !== 'ENOSPC') return words;
  const free = freeBytes(folder);
  return free === null ? words : `${words} (${formatRoom(free)} free)`;
}

/** Whether a call failed for lack of room. */
function isFull(error: unknown): boolean {
  return isSystemError(error) && FULL.includes(error.code);
}

/** Advice for a `DETOXQ_HOME` that cannot be written. */
export function homeAdvice(error: unknown): string {
  if (isSystemError(error) && error.code === 'EIO') return 'Give DETOXQ_HOME a folder on another disk.';
  return isFull(error)
    ? 'Make room there, or give DETOXQ_HOME a folder on a disk with more.'
    : 'Give DETOXQ_HOME a folder of your own that you can write.';
}

/** Bytes that this user may still write on the disk of a path, which need not exist; null where the system does not tell. */
export function freeBytes(path: string): number | null {
  for (let at = resolve(path); ; at = dirname(at)) {
    try {
      const { bavail, bsize, blocks } = statfsSync(at);
      // `/proc` and `/sys` are on no disk.
      return blocks === 0 ? null : bavail * bsize;
    } catch {
      if (dirname(at) === at) return null;
    }
  }
}

/** `12 kB`, `3.4 MB`: how much room there is. */
export function formatRoom(bytes: number): string {
  if (bytes < 1e6) return `${Math.round(bytes / 1e3)} kB`;
  return bytes < 1e9 ? `${(bytes / 1e6).toFixed(1)} MB` : `${(bytes / 1e9).toFixed(1)} GB`;
}
