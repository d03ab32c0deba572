import { execFile } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { setTimeout as pause } from 'node:timers/promises';
import { promisify } from 'node:util';
import type { Random } from './random.ts';
import { childrenOf } from './soak-processes.ts';
import type { SoakFault } from './soak-world.ts';

const run = promisify(execFile);

/** A process gets no more memory than it has: its next allocations fail. It may die of that, and nothing else may happen. */
export const MEMORY_FAULTS: Readonly<Record<string, SoakFault>> = {
  'allocations of a worker fail': async (world, random) => {
    const worker = world.worker(random);
    if (worker === undefined) return false;
    world.excuse(worker);
    return starve(worker.pid, random);
  },
  'allocations of an engine process fail': async (world, random) => {
    const [engine] = childrenOf(world.worker(random)?.pid);
    return engine === undefined ? false : starve(engine, random);
  },
};

async function starve(pid: number, random: Random): Promise<boolean> {
  try {
    const kilobytes = Number(/^VmSize:\s+(\d+) kB/m.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))?.[1]);
    await run('prlimit', [`--pid=${pid}`, '--core=0:0', `--as=${kilobytes * 1024}:`]);
    await pause(random.integer(500, 6_000));
    await run('prlimit', [`--pid=${pid}`, '--as=unlimited:']);
  } catch {
    // It has died, of this or of something else; or this system has no prlimit.
  }
  return true;
}
