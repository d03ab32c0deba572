/** What a figure was taken on. */
import { execFileSync } from 'node:child_process';
import { existsSync, readFileSync } from 'node:fs';
import { cpus, totalmem } from 'node:os';

export interface Machine {
  /** The best instructions for int8 that it has: benchmarks of equal kind can be compared. */
  readonly kind: string;
  readonly cpu: string;
  readonly cores: number;
  readonly memoryGb: number;
  readonly instructionSets: readonly string[];
}

/** The best first. */
const INSTRUCTION_SETS = ['amx_int8', 'avx512_vnni', 'avx_vnni', 'avx512f', 'avx2', 'asimddp'];

export function readMachine(): Machine {
  const info = existsSync('/proc/cpuinfo') ? readFileSync('/proc/cpuinfo', 'utf8') : '';
  const field = (name: string) => new RegExp(`^(?:${name})\\s*:(.*)$`, 'm').exec(info)?.[1]?.trim();
  const flags = new Set(field('flags|Features')?.split(' '));
  const instructionSets = INSTRUCTION_SETS.filter((name) => flags.has(name));
  const best = instructionSets[0]?.replaceAll('_', '-') ?? process.arch;
  return {
    kind: best === 'avx2' && isHalfWidth(Number(field('cpu family')), Number(field('model'))) ? 'avx2-half' : best,
    cpu: cpus()[0]?.model ?? process.arch,
    cores: cpus().length,
    memoryGb: Math.round(totalmem() / 2 ** 30),
    instructionSets,
  };
}

/** AMD's Zen and Zen+ (and Hygon's) take two steps for an instruction of 256 bits: half the speed of every later AVX2. */
function isHalfWidth(family: number, model: number): boolean {
  return (family === 23 && model < 0x30) || family === 24;
}

/** Short hash of the commit, with a `+` where files that are tracked have changed since. */
export function readCommit(): string {
  const git = (...args: string[]): string => execFileSync('git', args, { encoding: 'utf8' }).trim();
  return git('rev-parse', '--short', 'HEAD') + (git('status', '--porcelain', '-uno', 'src', 'bench') === '' ? '' : '+');
}
