import { createHash, randomUUID } from 'node:crypto';
import { mkdir, readdir, readFile, rename, rm, stat, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { CheckpointError, errorCode } from '../../contract/errors.ts';
import { fileFault, homeAdvice, isSystemError } from '../../contract/file-errors.ts';
import { makeFolder } from '../../contract/make-folder.ts';
import { fileHash, rememberedHash } from '../checkpoint/file-hash.ts';

/**
 * Version of everything that decides what a compiled graph computes. Raise it with each change in `architectures/`,
 * `compile/` or `onnx/` that changes the bytes written; a test notices. If rows get other results, raise `RESULTS` in
 * contract/features.ts, too.
 */
export const COMPILER_VERSION = 13;
const MANIFEST = 'manifest.json';
/** A temporary folder that is older than this belongs to a compiler that died. */
const ABANDONED_AFTER_MS = 3_600_000;

interface Manifest {
  readonly files: Readonly<Record<string, string>>;
}

/**
 * Finds or makes a folder of compiled graphs. The folder's name is a hash of everything that decides its content, so an entry
 * is never out of date. Its files are checked against their hashes at the first use, and again when size, times or inode
 * change. Broken files are made again. A folder is filled under a temporary name and then renamed, so any number of processes
 * may do this at once; one of them wins.
 *
 * @param key what decides the content, besides the compiler itself
 * @param make fills an empty folder
 * @throws CheckpointError if the cache cannot be written
 */
export async function compiledFolder(
  cacheFolder: string,
  key: readonly string[],
  make: (folder: string) => void | Promise<void>,
): Promise<string> {
  const parent = join(cacheFolder, 'graphs');
  const hash = createHash('sha256')
    .update(JSON.stringify([COMPILER_VERSION, ...key]))
    .digest('hex');
  const folder = join(parent, hash.slice(0, 40));
  if (await isIntact(folder, cacheFolder)) return folder;
  await fill(folder, cacheFolder, make).catch((cause: unknown) => {
    if (!isSystemError(cause)) throw cause;
    throw new CheckpointError(
      `Compiled graphs cannot be written in ${cacheFolder}: ${fileFault(cause, cacheFolder)}. ${homeAdvice(cause)}`,
      { cause },
    );
  });
  return folder;
}

async function fill(
  folder: string,
  cacheFolder: string,
  make: (folder: string) => void | Promise<void>,
): Promise<void> {
  const parent = dirname(folder);
  makeFolder(parent);
  await removeAbandoned(parent);
  const temporary = join(parent, `tmp-${randomUUID()}`);
  await mkdir(temporary);
  try {
    await make(temporary);
    await writeManifest(temporary);
    await publish(temporary, folder, cacheFolder);
  } finally {
    await rm(temporary, { recursive: true, force: true });
  }
}

async function publish(temporary: string, folder: string, cacheFolder: string): Promise<void> {
  for (;;) {
    try {
      return await rename(temporary, folder);
    } catch (error) {
      if (!isTaken(error)) throw error;
    }
    // Another process was faster, or the folder there is broken.
    if (await isIntact(folder, cacheFolder)) return;
    const broken = `${temporary}-broken`;
    await rename(folder, broken).catch(ignoreMissing);
    await rm(broken, { recursive: true, force: true });
  }
}

function isTaken(error: unknown): boolean {
  return ['ENOTEMPTY', 'EEXIST', 'EPERM', 'ENOTDIR'].includes(errorCode(error));
}

function ignoreMissing(error: unknown): void {
  if (errorCode(error) !== 'ENOENT') throw error;
}

async function writeManifest(folder: string): Promise<void> {
  const files: Record<string, string> = {};
  for (const name of (await readdir(folder)).sort()) files[name] = await fileHash(join(folder, name));
  const manifest: Manifest = { files };
  await writeFile(join(folder, MANIFEST), JSON.stringify(manifest, null, 1));
}

async function isIntact(folder: string, cacheFolder: string): Promise<boolean> {
  try {
    const { files } = JSON.parse(await readFile(join(folder, MANIFEST), 'utf8')) as Manifest;
    const checks = Object.entries(files).map(
      async ([name, hash]) => (await rememberedHash(join(folder, name), cacheFolder)) === hash,
    );
    return checks.length > 0 && (await Promise.all(checks)).every(Boolean);
  } catch {
    return false;
  }
}

async function removeAbandoned(parent: string): Promise<void> {
  for (const name of await readdir(parent)) {
    if (!name.startsWith('tmp-')) continue;
    const modified = await stat(join(parent, name)).catch(() => null);
    if (modified && Date.now() - modified.mtimeMs > ABANDONED_AFTER_MS) {
      await rm(join(parent, name), { recursive: true, force: true });
    }
  }
}
