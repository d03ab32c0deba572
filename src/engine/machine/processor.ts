import { readFileSync } from 'node:fs';
import { arch, availableParallelism, cpus } from 'node:os';
import type { Processor } from '../../contract/machine.ts';

/** Flags of /proc/cpuinfo that decide the speed of matrix products, with their common names. */
const INSTRUCTION_SETS: readonly (readonly [flag: string, name: string])[] = [
  ['avx2', 'AVX2'],
  ['avx512f', 'AVX512'],
  ['avx512_vnni', 'AVX512-VNNI'],
  ['avx512_bf16', 'AVX512-BF16'],
  ['avx_vnni', 'AVX-VNNI'],
  ['avx_vnni_int8', 'AVX-VNNI-INT8'],
  ['amx_int8', 'AMX-INT8'],
  ['amx_bf16', 'AMX-BF16'],
  ['asimddp', 'dotprod'],
  ['i8mm', 'i8mm'],
  ['bf16', 'bf16'],
  ['sve', 'SVE'],
  ['sme', 'SME'],
];

export function readProcessor(): Processor {
  const described = parseCpuinfo(cpuinfo());
  const model = described.model ?? cpus()[0]?.model.trim() ?? '';
  return {
    model: model === '' ? 'unknown' : model,
    architecture: arch(),
    cores: availableParallelism(),
    instructionSets: described.instructionSets,
  };
}

/** First processor in Linux's list. On ARM, Linux gives numbers instead of a name. */
export function parseCpuinfo(text: string): Pick<Processor, 'instructionSets'> & { readonly model: string | null } {
  const field = (name: string) => new RegExp(`^${name}\\s*:\\s*(.*)`, 'm').exec(text)?.[1]?.trim();
  const flags = field('flags') ?? field('Features');
  const [implementer, part] = [field('CPU implementer'), field('CPU part')];
  const numbers = implementer && part ? `ARM implementer ${implementer} part ${part}` : null;
  const there = new Set(flags?.split(' '));
  return {
    model: field('model name') ?? numbers,
    instructionSets:
      flags === undefined ? null : INSTRUCTION_SETS.filter(([flag]) => there.has(flag)).map(([, name]) => name),
  };
}

function cpuinfo(): string {
  try {
    return readFileSync('/proc/cpuinfo', 'utf8');
  } catch {
    return '';
  }
}
