import { closeSync, constants, fstatSync, lstatSync, openSync, readSync } from 'node:fs';
import { CheckpointError, errorCode } from '../../contract/errors.ts';

/** Configs, vocabularies, indexes. The largest tokenizer that is known to us, of 262,000 tokens, takes 34 MB. */
const MOST_BYTES = 64 << 20;
/** No file of a checkpoint comes near this; what reads a value by calling itself has room for it. */
const MOST_DEPTH = 100;

/**
 * Opens a file of a checkpoint: a regular one, or a link to one, as a hub's cache has them. Anything else could block
 * (a pipe that no one writes to) or never end (a device).
 *
 * @returns the descriptor, to be closed by the caller, and the size
 * @throws CheckpointError
 */
export function openCheckpointFile(path: string): { readonly descriptor: number; readonly size: number } {
  let descriptor: number;
  try {
    // Without waiting for the other end of a pipe; for a regular file it changes nothing.
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

/** Also a link that leads nowhere: reading it is an error, and not the same as a checkpoint without the file. */
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
  // Of a socket; of a pipe only where one writes.
  ENXIO: (path) => `${path} is not a file but a socket or device`,
};

/** All bytes of a small file. @throws CheckpointError if it is none, or takes more than such files do */
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

/** @throws CheckpointError if it is not JSON, or nested deeper than anything that a checkpoint has */
export function readCheckpointJson(path: string): unknown {
  return parseCheckpointJson(readCheckpointText(path), `${path} cannot be read as JSON`);
}

/** @param complaint what the error says where the text is not JSON */
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
