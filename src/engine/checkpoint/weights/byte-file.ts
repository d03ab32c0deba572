import { closeSync, readSync } from 'node:fs';
import { CheckpointError } from '../../../contract/errors.ts';
import { openCheckpointFile } from '../checkpoint-file.ts';

/** Node reads at most 2 GiB in one call. */
const READ_BYTES = 1 << 30;
const LFS_POINTER = 'version https://git-lfs.github.com/spec/';

/** A file that is read at given positions, never as a whole. */
export interface ByteFile {
  readonly path: string;
  /** In bytes, when it was opened. */
  readonly size: number;
  /** Reads `length` bytes from `position` on, into new memory. @throws CheckpointError if the file ends before */
  read(position: number, length: number): Uint8Array<ArrayBuffer>;
  close(): void;
}

/** @throws CheckpointError if the file cannot be opened, or is the pointer that Git has where LFS did not fetch a file */
export function openByteFile(path: string): ByteFile {
  const { descriptor, size } = openCheckpointFile(path);
  try {
    const file: ByteFile = {
      path,
      size,
      read: (position, length) => readAt(path, descriptor, position, length, size),
      close: () => closeSync(descriptor),
    };
    const start = file.read(0, Math.min(LFS_POINTER.length, file.size));
    if (Buffer.from(start.buffer).toString('latin1') === LFS_POINTER) {
      throw new CheckpointError(
        `${path} is a Git LFS pointer and not the weights: run "git lfs pull" in its folder, or pull the checkpoint again`,
        { code: 'checkpoint_is_pointer', data: {} },
      );
    }
    return file;
  } catch (error) {
    closeSync(descriptor);
    throw error;
  }
}

function readAt(
  path: string,
  descriptor: number,
  position: number,
  length: number,
  size: number,
): Uint8Array<ArrayBuffer> {
  const tooShort = () => new CheckpointError(`${path} ends too early: it is not a complete file of weights`);
  // Checked before memory is allocated: a length may come from the file itself.
  if (position + length > size) throw tooShort();
  const target = new Uint8Array(length);
  for (let done = 0; done < length; ) {
    const count = readSync(descriptor, target, done, Math.min(length - done, READ_BYTES), position + done);
    if (count === 0) throw tooShort();
    done += count;
  }
  return target;
}
