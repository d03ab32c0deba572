import { closeSync, constants, fstatSync, lstatSync, openSync, readSync } from 'node:fs';
import { CheckpointError, errorCode } from '../../contract/errors.ts';

/** Limit for configs, vocabularies and indexes. The largest tokenizer that we know, with 262,000 tokens, takes 34 MB. */
const MOST_BYTES = 64 << 20;
/** Limit of nesting. No file of a checkpoint comes near it, and code that recurses over a value stays within the stack. */
const MOST_DEPTH = 100;

/**
 * Opens a file of a checkpoint: a regular file, or a link to one, as in the cache of a hub. Other files could block (a pipe
 * without a writer) or never end (a device).
 *
 * @returns the descriptor, which the caller must close, and the size
 * @throws CheckpointError
 */
export function openCheckpointFile(path: string): { readonly descriptor: number; readonly size: number } {
  let descriptor: number;
  try {
    // O_NONBLOCK does not wait for the other end of a pipe. It has no effect on a regular file.
    descriptor = openSync(path, constants.O_RDONLY | constants.O_NONBLOCK);
  } catch (cause) {
    const code = errorCode(cause) || 'unknown error';
    throw new CheckpointError(MESSAGES[code]?.(path) ?? `${path} cannot be opened (${code})`, { cause });
  }
  const stats = fstatSync(descriptor);
  if (stats.isFile()) return { descriptor, size: stats.size };
  closeSync(descriptor);
  throw new CheckpointError(`${path} is not a file but ${stats.isDirectory() ? 'a folder' : 'a pipe or device'}`);
}

/** True also for a link without a target. Reading such a link is an error, and differs from a checkpoint without the file. */
export function isThere(path: string): boolean {
  try {
    return lstatSync(path, { throwIfNoEntry: false }) !== undefined;
  } catch {
    return false;
  }
}

const MESSAGES: Readonly<Record<string, (path: string) => string>> = {
  ENOENT: (path) => (isThere(path) ? `${path} is a link to a file that does not exist` : `${path} does not exist`),
  ELOOP: (path) => `${path} is a link that leads back to itself`,
  // For a socket; for a pipe only if it is opened for writing.
  ENXIO: (path) => `${path} is not a file but a socket or device`,
};

/** Reads all bytes of a small file. @throws CheckpointError if it is not a file, or larger than such files are */
export function readCheckpointFile(path: string): Buffer<ArrayBuffer> {
  const { descriptor, size } = openCheckpointFile(path);
  try {
    if (size > MOST_BYTES) {
      throw new CheckpointError(`${path} has ${size} bytes; ${MOST_BYTES} are the most that are read of such a file`);
    }
    const bytes = Buffer.alloc(size);
    let done = 0;
    for (let count = 1; count > 0 && done < size; done += count) {
      count = readSync(descriptor, bytes, done, size - done, done);
    }
    return bytes.subarray(0, done);
  } catch (cause) {
    if (cause instanceof CheckpointError) throw cause;
    throw new CheckpointError(`${path} cannot be read`, { cause });
  } finally {
    closeSync(descriptor);
  }
}

export function readCheckpointText(path: string): string {
  return readCheckpointFile(path).toString('utf8');
}

/** @throws CheckpointError if it is not JSON, or nested deeper than any file of a checkpoint */
export function readCheckpointJson(path: string): unknown {
  return parseCheckpointJson(readCheckpointText(path), `${path} cannot be read as JSON`);
}

/** @param complaint text of the error if the text is not JSON */
export function parseCheckpointJson(text: string, complaint: string): unknown {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch (cause) {
    throw new CheckpointError(complaint, { cause });
  }
  if (isDeeper(value, MOST_DEPTH))
    throw new CheckpointError(`${complaint}: it is nested deeper than ${MOST_DEPTH} levels`);
  return value;
}

function isDeeper(value: unknown, levels: number): boolean {
  if (typeof value !== 'object' || value === null) return false;
  if (levels === 0) return true;
  if (Array.isArray(value)) return value.some((item) => isDeeper(item, levels - 1));
  for (const name in value) if (isDeeper((value as Readonly<Record<string, unknown>>)[name], levels - 1)) return true;
  return false;
}
