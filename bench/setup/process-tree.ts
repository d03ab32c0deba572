/** What a process and its children take, from /proc (Linux). */
import { readdirSync, readFileSync } from 'node:fs';

const LOOK_EVERY_MS = 100;

export interface TreeWatch {
  /** Ends the watch: largest sum of resident memory seen, shared pages counted in each process. */
  stop(): { readonly peakMb: number };
}

export function watchTree(pid: number): TreeWatch {
  let peakKb = 0;
  const look = (): void => {
    const sum = treeOf(pid).reduce((total, each) => total + residentKb(each), 0);
    peakKb = Math.max(peakKb, sum);
  };
  const timer = setInterval(look, LOOK_EVERY_MS);
  return {
    stop() {
      clearInterval(timer);
      return { peakMb: peakKb / 1024 };
    },
  };
}

function treeOf(root: number): number[] {
  const parents = new Map<number, number>();
  for (const name of readdirSync('/proc')) {
    const stat = /^\d+$/.test(name) ? read(`/proc/${name}/stat`) : '';
    const parent = stat.slice(stat.lastIndexOf(')') + 2).split(' ')[1];
    if (parent !== undefined) parents.set(Number(name), Number(parent));
  }
  const isBelow = (pid: number): boolean => {
    for (let at: number | undefined = pid; at !== undefined; at = parents.get(at)) if (at === root) return true;
    return false;
  };
  return [...parents.keys()].filter(isBelow);
}

function residentKb(pid: number): number {
  return Number(/^VmRSS:\s+(\d+) kB$/m.exec(read(`/proc/${pid}/status`))?.[1] ?? 0);
}

function read(file: string): string {
  try {
    return readFileSync(file, 'latin1');
  } catch {
    // It has ended meanwhile.
    return '';
  }
}
