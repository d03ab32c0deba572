import { randomUUID } from 'node:crypto';
import { fstatSync, type Stats } from 'node:fs';
import { access, constants, lstat, open, readlink, realpath, rm, stat } from 'node:fs/promises';
import { basename, dirname, isAbsolute, join, relative, resolve, sep } from 'node:path';
import { UsageError } from '../contract/errors.ts';
import { fileFault, isSystemError } from '../contract/file-errors.ts';

/** Something that an output must not be written over. */
export interface Kept {
  /** A file, a folder (with all its files), or `-` for standard input. */
  readonly path: string;
  /** What it is, to follow "is": `a file that is read`. */
  readonly what: string;
  /** As it was when it was read: a file with the same size and time of change is that file, whatever its name is now. */
  readonly recorded?: { readonly sizeBytes: number; readonly modifiedAt: string };
  /** It may have another name by now, and another file its name. */
  readonly byRecordAlone?: boolean;
}

/** As many links as Linux follows. */
const MOST_LINKS = 40;
/** Of a staging file's name, in characters: with what is added, it must be no longer than the system takes. */
const LONGEST_NAME = 40;

/**
 * Where an output goes, with all links followed: a link stays, and its target is replaced.
 *
 * @throws the error of the system when a folder on the way is not there
 */
export async function resolveOutput(path: string): Promise<string> {
  let at = resolve(path);
  for (let links = 0; links <= MOST_LINKS; links++) {
    const place = join(await realpath(dirname(at)), basename(at));
    const next = await readlink(place).catch((error: unknown) => {
      // EINVAL: the path exists and is not a link.
      if (isSystemError(error) && (error.code === 'EINVAL' || error.code === 'ENOENT')) return null;
      throw error;
    });
    if (next === null) return place;
    at = resolve(dirname(place), next);
  }
  throw new UsageError(`${path}: its links lead in a circle`);
}

/** Name of the unfinished output, beside its place, so that it gets there by a rename. */
export function stagingOf(place: string): string {
  return join(dirname(place), `${basename(place).slice(0, LONGEST_NAME)}.${randomUUID().slice(0, 8)}.part`);
}

/**
 * Refuses an output before any work is done for it: one that would replace what must be kept (under whatever name: a link,
 * another spelling, a hard link), that is no file, or that cannot be written. A file that lies there is replaced later.
 *
 * @param option by which the path came, for the message: `--out`
 * @throws UsageError that says what to do
 */
export async function checkOutput(option: string, path: string, kept: readonly Kept[]): Promise<void> {
  const refuse = (why: string): UsageError => new UsageError(`${option} ${path}: ${why}`);
  if (path === '') throw new UsageError(`${option} names no file.`);
  if (path === '-' || path.startsWith('/dev/')) {
    throw refuse('an output is written to a file, which appears when it is complete. Name a file.');
  }
  if (path.endsWith('/') || path.endsWith(sep)) throw refuse('this is a folder. Name a file in it.');
  const place = await resolveOutput(path).catch((error: unknown) => {
    if (!isSystemError(error)) throw error;
    const missing =
      error.code === 'ENOENT' ? `there is no folder ${dirname(resolve(path))}. Make it first` : fileFault(error);
    throw refuse(`${missing}.`);
  });
  const there = await lstat(place).catch((error: unknown) => {
    if (isSystemError(error) && error.code === 'ENOENT') return null;
    throw refuse(`${fileFault(error)}.`);
  });
  if (there?.isDirectory()) throw refuse('this is a folder. Name a file in it.');
  if (there !== null && !there.isFile()) throw refuse('this is a pipe or a device. Name a file.');
  for (const each of kept) {
    const { path: source, what, byRecordAlone = false } = each;
    if (isRecorded(there, each) || (!byRecordAlone && (await isSame(place, there, source)))) {
      const way = byRecordAlone ? 'Name another file, or move this one away first' : 'Name another file';
      throw refuse(`this is ${what}${named(path, source)}. ${way}.`);
    }
  }
  if (there !== null) {
    await access(place, constants.W_OK).catch((error: unknown) => {
      throw refuse(`the file that lies there cannot be replaced: ${fileFault(error)}. Name another one.`);
    });
  }
  await tryToWrite(place).catch((error: unknown) => {
    throw refuse(
      `nothing can be written in ${dirname(place)}: ${fileFault(error, dirname(place))}. Name a file elsewhere.`,
    );
  });
}

/** The other name of a file that has two. */
function named(path: string, source: string): string {
  return source === '-' || resolve(path) === resolve(source) ? '' : ` (${source})`;
}

function isRecorded(there: Stats | null, { recorded }: Kept): boolean {
  if (there === null || recorded === undefined || recorded.sizeBytes === 0) return false;
  return there.size === recorded.sizeBytes && there.mtime.toISOString() === recorded.modifiedAt;
}

async function isSame(place: string, there: Stats | null, source: string): Promise<boolean> {
  const found = source === '-' ? fstatOfInput() : await stat(source).catch(() => null);
  if (found?.isDirectory()) return there !== null && isWithin(await realpath(source), place);
  if (found !== null && there !== null) return found.ino === there.ino && found.dev === there.dev;
  // The source is missing at the moment: its disk may not be mounted.
  return source !== '-' && (await resolveOutput(source).catch(() => resolve(source))) === place;
}

/** `detoxq run - < comments.csv` */
function fstatOfInput(): Stats | null {
  try {
    const stats = fstatSync(0);
    return stats.isFile() ? stats : null;
  } catch {
    return null;
  }
}

/** Whether a path is a folder or lies in it, by the paths alone: links are the caller's to follow. */
export function isWithin(folder: string, path: string): boolean {
  const way = relative(folder, path);
  // A name may start with two dots; on another drive the path is absolute.
  return way !== '..' && !way.startsWith(`..${sep}`) && !isAbsolute(way);
}

/** What the rights of a folder say is not all: a disk may be read-only, full, or out of quota. */
async function tryToWrite(place: string): Promise<void> {
  const probe = stagingOf(place);
  const file = await open(probe, 'wx');
  try {
    await file.close();
  } finally {
    await rm(probe, { force: true });
  }
}
