import { UsageError } from './errors.ts';
import { inBytes, type Precision } from './models.ts';

/** What models run on. */
export interface Device {
  readonly kind: 'cpu' | 'cuda' | 'webgpu';
  /** Number among the machine's CUDA devices, from 0; else 0. */
  readonly index: number;
}

export const CPU: Device = { kind: 'cpu', index: 0 };

/** `cpu`, `cuda`, `cuda:1` or `webgpu`; null for anything else. */
export function parseDevice(text: string): Device | null {
  if (text === 'cpu') return CPU;
  if (text === 'webgpu') return { kind: 'webgpu', index: 0 };
  const index = /^cuda(?::(\d{1,2}))?$/.exec(text);
  return index ? { kind: 'cuda', index: Number(index[1] ?? 0) } : null;
}

export function deviceName({ kind, index }: Device): string {
  return kind === 'cuda' ? `cuda:${index}` : kind;
}

/** The default precision of models on a device. */
export function defaultPrecision({ kind }: Device): Precision {
  return kind === 'cpu' ? 'int8' : 'fp16';
}

/** @throws UsageError for int8 on a device: its kernels are the CPU's alone */
export function requirePrecision(device: Device, precision: Precision): void {
  if (device.kind === 'cpu' || !inBytes(precision)) return;
  throw new UsageError(
    `${precision} runs on a CPU only, and this is ${deviceName(device)}: begin the run with --precision fp16 (or fp32), ` +
      'or give it to workers with --device cpu.',
  );
}
