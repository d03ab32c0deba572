import { randomUUID } from 'node:crypto';
import { mkdir, readdir, rename, rm, rmdir } from 'node:fs/promises';
import { hostname } from 'node:os';
import { join } from 'node:path';
import { errorCode } from '../contract/errors.ts';
import { makeFolder } from '../contract/make-folder.ts';
import { checkpointFolder, refFile, repositoryFolder } from '../engine/index.ts';
import { writeFileAtomically } from '../util/atomic-file.ts';

/** A folder that a download fills. It is published as a whole, so a partial checkpoint is never visible. */
interface Staging {
  readonly folder: string;
  /** Moves the folder to its place. If another download of the same commit was faster, that one stays: they are equal. */
  publish(): Promise<void>;
  /** Gives up, and leaves the downloaded bytes to the next attempt. */
  leave(): Promise<void>;
}

/**
 * A staging folder for one commit. Only this process writes to it: its name contains host and process id. If a process ended
 * before its download did, this takes its folder over and continues. Taking over is a rename, so only one process can do it.
 */
export async function openStaging(modelsFolder: string, id: string, commit: string): Promise<Staging> {
  const repository = repositoryFolder(modelsFolder, id);
  const target = checkpointFolder(modelsFolder, id, commit);
  makeFolder(repository);
  const folder = join(repository, stagingName(commit));
  if (!(await takeOver(repository, commit, folder))) await mkdir(folder);
  return {
    folder,
    async publish() {
      try {
        await rename(folder, target);
      } catch (error) {
        if (!isTaken(error)) throw error;
        await rm(folder, { recursive: true, force: true });
      }
      await removeAbandoned(repository);
    },
    async leave() {
      const empty = (await readdir(folder)).length === 0;
      if (empty) await rm(folder, { recursive: true });
      else await rename(folder, join(repository, `.${commit}.${host()}.left.${randomUUID()}`));
      // This removes only a folder that is still empty.
      if (empty) await rmdir(repository).catch(() => undefined);
    },
  };
}

/** Stores which commit a revision means. */
export async function writeRef(modelsFolder: string, id: string, revision: string, commit: string): Promise<void> {
  await writeFileAtomically(refFile(modelsFolder, id, revision), `${commit}\n`);
}

let serial = 0;

function stagingName(commit: string): string {
  return `.${commit}.${host()}.${process.pid}.${serial++}`;
}

function host(): string {
  return (
    hostname()
      .replace(/[^A-Za-z0-9-]/g, '-')
      .slice(0, 60) || 'host'
  );
}

async function takeOver(repository: string, commit: string, folder: string): Promise<boolean> {
  for (const name of await readdir(repository)) {
    if (!name.startsWith(`.${commit}.`) || !isAbandoned(name)) continue;
    const taken = await rename(join(repository, name), folder).then(
      () => true,
      () => false,
    );
    if (taken) return true;
  }
  return false;
}

/** Removes unfinished downloads of this commit and of others. */
async function removeAbandoned(repository: string): Promise<void> {
  for (const name of await readdir(repository)) {
    if (isAbandoned(name)) await rm(join(repository, name), { recursive: true, force: true });
  }
}

/** Whether it is a staging folder of this host whose process is gone. Folders of other hosts are not touched. */
function isAbandoned(name: string): boolean {
  const [, owner, pid] = /^\.[0-9a-f]{40}\.([A-Za-z0-9-]+)\.(\d+|left)\./.exec(name) ?? [];
  return owner === host() && (pid === 'left' || !isAlive(Number(pid)));
}

function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    // EPERM: the process belongs to another user.
    return errorCode(error) === 'EPERM';
  }
}

function isTaken(error: unknown): boolean {
  return ['ENOTEMPTY', 'EEXIST', 'EPERM'].includes(errorCode(error));
}
