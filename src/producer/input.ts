import { createReadStream } from 'node:fs';
import { access, constants, stat } from 'node:fs/promises';
import { resolve } from 'node:path';
import type { Readable } from 'node:stream';
import { DatasetError, errorCode } from '../contract/errors.ts';
import { whyNoFile, whyNoFolder } from './no-file.ts';

/** A file, pipe or standard input that is there and readable, not opened yet. */
export interface Input {
  /** As the user named it, for messages. */
  readonly name: string;
  /** Absolute path, or `-`. */
  readonly path: string;
  /** Size and time of a regular file; null for what can be read only once (standard input, a pipe). */
  readonly sizeBytes: number | null;
  readonly modifiedAt: string | null;
  open(): Readable;
  /** True when a regular file is not the one that was found: another size or time of change, or gone. */
  hasChanged(): Promise<boolean>;
  /** Closes the input, so that a read that waits for a pipe fails. */
  close(): void;
}

/** 256 KiB per read: 64 KiB made the CSV reader 12 % slower, and more than 256 KiB did not make it faster. */
export const READ_BYTES = 256 * 1024;

/** Throws DatasetError when there is nothing to read: no such file, a folder, no permission, an address. */
export async function findInput(name: string, stdin: Readable): Promise<Input> {
  if (name === '-') return input('standard input', '-', null, null, () => stdin);
  const path = resolve(name);
  const stats = await stat(path).catch((error: unknown) => {
    throw new DatasetError(whyNoFile(name) ?? `${name}: ${reasonOf(error)}`, { cause: error });
  });
  if (stats.isDirectory()) throw new DatasetError(await whyNoFolder(name, path));
  await access(path, constants.R_OK).catch((error: unknown) => {
    throw new DatasetError(`${name}: no permission to read it`, { cause: error });
  });
  if (!stats.isFile()) {
    return input(name, path, null, null, () => createReadStream(path, { highWaterMark: READ_BYTES }));
  }
  const sizeBytes = stats.size;
  return input(name, path, sizeBytes, stats.mtime.toISOString(), () =>
    createReadStream(path, { highWaterMark: READ_BYTES }),
  );
}

/** Refuses names that certainly are not inputs, before anything is started for them. @throws DatasetError */
export async function requireInputs(names: readonly string[]): Promise<void> {
  for (const name of names) await findInput(name, process.stdin);
}

function input(
  name: string,
  path: string,
  sizeBytes: number | null,
  modifiedAt: string | null,
  createStream: () => Readable,
): Input {
  let opened: Readable | null = null;
  return {
    name,
    path,
    sizeBytes,
    modifiedAt,
    open() {
      opened = createStream();
      return opened;
    },
    async hasChanged() {
      if (sizeBytes === null) return false;
      const now = await stat(path).catch(() => null);
      return now === null || now.size !== sizeBytes || now.mtime.toISOString() !== modifiedAt;
    },
    close() {
      opened?.destroy();
    },
  };
}

function reasonOf(error: unknown): string {
  const code = errorCode(error);
  if (code === 'ENOENT') return 'no such file';
  if (code === 'ENOTDIR') return 'no such file (a part of its path is not a folder)';
  if (code === 'EACCES' || code === 'EPERM') return 'no permission to reach it';
  return error instanceof Error ? error.message : String(error);
}
