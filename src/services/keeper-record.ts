import { randomBytes } from 'node:crypto';
import { linkSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { errorCode, ServiceError } from '../contract/errors.ts';
import { errorText } from './folder.ts';
import { isRunning, type ProcessIdentity } from './process-identity.ts';

/** How to reach the keeper of a home, and the proof that one is its keeper. */
export interface KeeperRecord {
  readonly process: ProcessIdentity;
  /** TCP, on 127.0.0.1. */
  readonly port: number;
  /** Proves that a client can read the record: only such clients may talk to the keeper. */
  readonly token: string;
}

/*
 * At most one keeper per home. Node has no file locks that end with their process, so the lock is a series of files
 * `keeper.1`, `keeper.2`, …, and the highest number is the keeper's. A file appears complete or not at all (link), and only
 * once (link fails if it exists). It is valid while the process in it runs. A process that finds the highest one dead makes
 * the next number. The highest file is never removed, so numbers never come again. A process that slept after looking finds
 * its number taken, or a higher one, and has lost.
 */

const PREFIX = 'keeper.';

interface Entry {
  readonly number: number;
  readonly record: KeeperRecord | null;
}

/** The keeper that runs now, or null. */
export function findKeeper(state: string): KeeperRecord | null {
  const record = highest(state)?.record ?? null;
  return record !== null && isRunning(record.process) ? record : null;
}

/** True when this process is now the keeper: until it ends, no other process gets true. */
export function claimKeeper(state: string, record: KeeperRecord): boolean {
  const before = highest(state);
  if (before?.record && isRunning(before.record.process)) return false;
  const number = (before?.number ?? 0) + 1;
  const staging = join(state, `claim.${record.process.pid}.${randomBytes(4).toString('hex')}`);
  writeFileSync(staging, JSON.stringify(record), { mode: 0o600, flush: true });
  try {
    linkSync(staging, join(state, `${PREFIX}${number}`));
  } catch (error) {
    if (errorCode(error) === 'EEXIST') return false;
    throw error;
  } finally {
    rmSync(staging, { force: true });
  }
  if (highest(state)?.number !== number) {
    rmSync(join(state, `${PREFIX}${number}`), { force: true });
    return false;
  }
  for (const lower of numbers(state)) {
    if (lower < number) rmSync(join(state, `${PREFIX}${lower}`), { force: true });
  }
  return true;
}

function numbers(state: string): number[] {
  let names: string[];
  try {
    names = readdirSync(state);
  } catch (error) {
    if (errorCode(error) === 'ENOENT') return [];
    throw error;
  }
  return names
    .filter((name) => /^keeper\.\d+$/.test(name))
    .map((name) => Number(name.slice(PREFIX.length)))
    .sort((a, b) => b - a);
}

function highest(state: string): Entry | null {
  for (;;) {
    const [number] = numbers(state);
    if (number === undefined) return null;
    const path = join(state, `${PREFIX}${number}`);
    try {
      return { number, record: parse(readFileSync(path, 'utf8')) };
    } catch (cause) {
      // A new keeper removed it after it was listed: look again.
      if (errorCode(cause) === 'ENOENT') continue;
      throw new ServiceError(
        `${path} cannot be read (${errorText(cause)}): detoxq ran here as another user, perhaps with sudo. ` +
          'Give the home folder back to yourself with chown -R, or use another DETOXQ_HOME.',
        { cause },
      );
    }
  }
}

/** Null for a file that a power loss left empty or damaged: its process is surely gone. */
function parse(text: string): KeeperRecord | null {
  try {
    const record: Partial<KeeperRecord> | null = JSON.parse(text);
    const { process, port, token } = record ?? {};
    if (typeof process?.pid !== 'number' || typeof process.startedAt !== 'string') return null;
    return typeof port === 'number' && typeof token === 'string' ? { process, port, token } : null;
  } catch {
    return null;
  }
}
