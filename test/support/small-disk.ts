import { spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

/** A disk that is soon full. */
export interface SmallDisk {
  readonly folder: string;
  remove(): void;
}

/** Whether this user may mount one. Root in a container may be unable to. */
export const canMount = process.platform === 'linux' && process.getuid?.() === 0 && tryToMount();

/** @param size as `mount` takes it: `256k` */
export function mountSmallDisk(size: string): SmallDisk {
  const folder = mkdtempSync(join(tmpdir(), 'detoxq-disk-'));
  const { status, stderr } = spawnSync('mount', ['-t', 'tmpfs', '-o', `size=${size}`, 'none', folder]);
  if (status !== 0) {
    rmSync(folder, { recursive: true });
    throw new Error(`cannot mount: ${String(stderr)}`);
  }
  return {
    folder,
    remove() {
      // Lazily: a process that a failed test left may still stand in it.
      spawnSync('umount', ['-l', folder]);
      rmSync(folder, { recursive: true });
    },
  };
}

function tryToMount(): boolean {
  try {
    mountSmallDisk('64k').remove();
    return true;
  } catch {
    return false;
  }
}
