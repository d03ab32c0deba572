import { createHash } from 'node:crypto';
import { closeSync, createReadStream } from 'node:fs';
import { readFile, stat } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import { isSystemError } from '../../contract/file-errors.ts';
import { writeFileAtomically } from '../../util/atomic-file.ts';
import { openCheckpointFile } from './checkpoint-file.ts';

function sha256(data: string | Uint8Array): string {
  return createHash('sha256').update(data).digest('hex');
}

/**
 * Computes the sha256 of a file. The hash is kept in `cacheFolder` under path, size, times and inode of the file, so the
 * second call is instant: reading the 270 MB of a compiled BART-base takes 0.4 s. The entry has its own checksum, because a
 * damaged digest would make another model of a checkpoint.
 */
export async function rememberedHash(file: string, cacheFolder: string): Promise<string> {
  const path = resolve(file);
  closeSync(openCheckpointFile(path).descriptor);
  const { size, mtimeNs, ctimeNs, ino } = await stat(path, { bigint: true });
  const key = sha256(`${path} ${size} ${mtimeNs} ${ctimeNs} ${ino}`);
  const remembered = join(cacheFolder, 'hashes', key);
  const known = await readFile(remembered, 'utf8').catch(() => '');
  const [digest = ''] = known.split(' ');
  if (known === withChecksum(digest, key)) return digest;
  const value = await fileHash(path);
  await writeFileAtomically(remembered, withChecksum(value, key)).catch((error: unknown) => {
    // A cache that is read-only or full still works: the next call reads the file again.
    if (!isSystemError(error)) throw error;
  });
  return value;
}

function withChecksum(digest: string, key: string): string {
  return `${digest} ${sha256(`${key} ${digest}`)}`;
}

/** @throws CheckpointError if it is not a file: reading a pipe or a device could last for ever */
export async function fileHash(file: string): Promise<string> {
  closeSync(openCheckpointFile(file).descriptor);
  const hash = createHash('sha256');
  for await (const chunk of createReadStream(file, { highWaterMark: 1 << 20 })) hash.update(chunk);
  return hash.digest('hex');
}
