import { createHash } from 'node:crypto';
import { createReadStream } from 'node:fs';
import { readFile, stat } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import { isSystemError } from '../../contract/file-errors.ts';
import { writeFileAtomically } from '../compile/atomic.ts';

export function sha256(data: string | Uint8Array): string {
  return createHash('sha256').update(data).digest('hex');
}

/**
 * sha256 of a file. It is kept in `cacheFolder` under path, size, times and inode of the file, so that the second call is
 * instant: reading the 270 MB of a compiled BART-base takes 0.4 s.
 */
export async function rememberedHash(file: string, cacheFolder: string): Promise<string> {
  const path = resolve(file);
  const { size, mtimeNs, ctimeNs, ino } = await stat(path, { bigint: true });
  const remembered = join(cacheFolder, 'hashes', sha256(`${path} ${size} ${mtimeNs} ${ctimeNs} ${ino}`));
  const known = await readFile(remembered, 'utf8').catch(() => '');
  if (/^[0-9a-f]{64}$/.test(known)) return known;
  const value = await fileHash(path);
  await writeFileAtomically(remembered, value).catch((error: unknown) => {
    // A cache that is read-only or full still has its graphs: the next call reads the file again, that is all.
    if (!isSystemError(error)) throw error;
  });
  return value;
}

export async function fileHash(file: string): Promise<string> {
  const hash = createHash('sha256');
  for await (const chunk of createReadStream(file, { highWaterMark: 1 << 20 })) hash.update(chunk);
  return hash.digest('hex');
}
