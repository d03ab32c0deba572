import { chmodSync, openSync, readFileSync, renameSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { errorCode, HomeError } from '../contract/errors.ts';
import { fileFault, homeAdvice, isSystemError } from '../contract/file-errors.ts';
import { makeFolder } from '../contract/make-folder.ts';

/** The paths of the embedded services in a home folder. */
export interface ServicesFolder {
  /** Postgres's data folder. */
  readonly postgresData: string;
  /** Redis's append-only files. */
  readonly redisData: string;
  /** Keeper records, server records, passwords, logs: 0700, of the user who runs detoxq. */
  readonly state: string;
  /** Copy of the Postgres binaries, where those in node_modules cannot be used. */
  readonly binaries: string;
}

export function servicesFolder(home: string): ServicesFolder {
  return {
    postgresData: join(home, 'postgres'),
    redisData: join(home, 'redis'),
    state: join(home, 'services'),
    binaries: join(home, 'postgres-binaries'),
  };
}

/** Makes the folder for state, and refuses one that others can read: it holds passwords. */
export function makeStateFolder(folder: ServicesFolder): void {
  try {
    makeFolder(folder.state, 0o700);
    if ((statSync(folder.state).mode & 0o077) !== 0) chmodSync(folder.state, 0o700);
    const probe = join(folder.state, `probe.${process.pid}`);
    try {
      writeFileSync(probe, 'detoxq', { mode: 0o600 });
    } finally {
      rmSync(probe, { force: true });
    }
  } catch (cause) {
    throw new HomeError(
      `The folder ${folder.state} cannot be written: ${fileFault(cause, folder.state)}. ${homeAdvice(cause)} ` +
        'Or set DATABASE_URL and REDIS_URL.',
      { cause },
    );
  }
}

/** Null when the file is missing, or was cut short by a power loss. */
export function readJson(path: string): unknown {
  try {
    return JSON.parse(readFileSync(path, 'utf8'));
  } catch (error) {
    if (error instanceof SyntaxError || errorCode(error) === 'ENOENT') return null;
    throw error;
  }
}

/** Written as a whole or not at all, and readable by the owner only. */
export function writeJson(path: string, value: unknown): void {
  const staging = `${path}.${process.pid}.new`;
  try {
    writeFileSync(staging, `${JSON.stringify(value)}\n`, { mode: 0o600, flush: true });
    renameSync(staging, path);
  } catch (error) {
    rmSync(staging, { force: true });
    throw error;
  }
}

/** Opens a new log for each start; the previous one is kept as `.1`. */
export function openLog(path: string): number {
  try {
    renameSync(path, `${path}.1`);
  } catch (error) {
    if (errorCode(error) !== 'ENOENT') throw error;
  }
  return openSync(path, 'a', 0o600);
}

/** The last lines of a log, for an error message. The logs of these servers hold no text of rows. */
export function logTail(path: string, fromByte = 0, lines = 8): string {
  try {
    return readFileSync(path).subarray(fromByte).toString('utf8').trim().split('\n').slice(-lines).join('\n');
  } catch {
    return '';
  }
}

export function errorText(error: unknown): string {
  if (!isSystemError(error)) return error instanceof Error ? error.message : String(error);
  return error.path === undefined ? fileFault(error) : `${error.path}: ${fileFault(error, error.path)}`;
}

/** Why servers cannot be started, for the command that needs them. */
export function startText(error: unknown, home: string): string {
  if (!isSystemError(error)) return errorText(error);
  return (
    `The embedded services cannot be started in ${home}: ${fileFault(error, home)}. ${homeAdvice(error)} ` +
    'Or set DATABASE_URL and REDIS_URL.'
  );
}
