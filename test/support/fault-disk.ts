import { spawnSync } from 'node:child_process';
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

const SOURCE = fileURLToPath(new URL('./fault-disk.c', import.meta.url));

/** For `describe.skipIf`: whether a program's calls can be intercepted here. */
export const canIntercept = process.platform === 'linux' && spawnSync('gcc', ['--version']).status === 0;

/** What a disk may say. */
export const DISK_FAULTS = { ENOSPC: 28, EIO: 5 } as const;

/** A disk of which one write fails, whichever it is: for programs that are started with these variables. */
export interface FaultDisk {
  /** Variables with which no write fails, and all are counted. */
  counting(): Record<string, string>;
  /** Variables with which the write of this number fails, the first being 1. */
  failing(at: number, fault: keyof typeof DISK_FAULTS): Record<string, string>;
  /** Writes since then, of all programs together. */
  writes(): number;
}

/** @param scratch for what it needs itself; @param under the folder that lies on this disk */
export function createFaultDisk(scratch: string, under: string): FaultDisk {
  const library = join(scratch, 'fault-disk.so');
  const counter = join(scratch, 'writes');
  const built = spawnSync('gcc', ['-shared', '-fPIC', '-O1', '-o', library, SOURCE, '-ldl'], { encoding: 'utf8' });
  if (built.status !== 0) throw new Error(`fault-disk.c is not built: ${built.stderr}`);
  const counting = (): Record<string, string> => {
    writeFileSync(counter, new Uint8Array(8));
    return { LD_PRELOAD: library, FAULT_COUNTER: counter, FAULT_UNDER: under };
  };
  return {
    counting,
    failing: (at, fault) => ({ ...counting(), FAULT_AT: String(at), FAULT_ERRNO: String(DISK_FAULTS[fault]) }),
    writes: () => Number(readFileSync(counter).readBigInt64LE()),
  };
}
