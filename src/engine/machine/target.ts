import { CPU, type Device, deviceName, requirePrecision } from '../../contract/device.ts';
import { DeviceError } from '../../contract/errors.ts';
import { inBytes, type Precision } from '../../contract/models.ts';
import { createGraph, ELEMENT } from '../onnx/graph.ts';
import { int8WeightLimit } from './int8-limit.ts';
import { probe } from './probe.ts';

export interface RunsOn {
  /** Default: the CPU. */
  readonly device?: Device;
}

/** What graphs are compiled for, and the device that runs them. */
interface Target {
  readonly device: Device;
  /** Only operators that every device has. */
  readonly portable: boolean;
  /** Largest magnitude of an int8 weight. */
  readonly weightLimit: number;
}

const SIZE = 8;
const found = new Map<string, Promise<void>>();

/** @throws UsageError for a precision without kernels on the device, DeviceError with advice if the device cannot be used */
export async function findTarget({
  device = CPU,
  precision,
}: RunsOn & { readonly precision: Precision }): Promise<Target> {
  requirePrecision(device, precision);
  if (device.kind !== 'cpu') {
    const key = `${deviceName(device)} ${precision}`;
    const there = found.get(key) ?? tryDevice(device, precision === 'fp16');
    found.set(key, there);
    await there;
  }
  return {
    device,
    portable: device.kind !== 'cpu' || precision === 'fp16',
    weightLimit: inBytes(precision) ? await int8WeightLimit() : 0,
  };
}

/** Runs one product on the device alone. By default, onnxruntime silently runs on the CPU what a device cannot do. */
async function tryDevice(device: Device, half: boolean): Promise<void> {
  const graph = createGraph('probe');
  const cast = (value: string, type: 'f32' | 'f16') =>
    half ? graph.op('Cast', [value], { to: ELEMENT[type] }) : value;
  graph.input('rows', 'f32', [SIZE, SIZE]);
  const ones = cast(graph.tensor('ones', [SIZE, SIZE], new Float32Array(SIZE * SIZE).fill(1)), 'f16');
  const product = graph.op('Gemm', [cast('rows', 'f16'), ones], { transB: 1 });
  graph.op('Identity', [cast(product, 'f32')], {}, { outputs: ['sums'] });
  graph.output('sums', 'f32', [SIZE, SIZE]);
  let sums: Float32Array;
  try {
    sums = await probe(graph, { rows: SIZE, columns: SIZE, value: 1 }, { device, onlyThere: true });
  } catch (cause) {
    const reason = cause instanceof Error && cause.cause instanceof Error ? cause.cause : cause;
    throw new DeviceError(`${deviceName(device)} cannot be used: ${firstLine(reason)}\n${advice(device, half)}`, {
      cause,
    });
  }
  if (sums.some((sum) => sum !== SIZE)) {
    throw new DeviceError(`${deviceName(device)} computes wrong products. ${advice(device, half)}`);
  }
}

function firstLine(reason: unknown): string {
  const [line = ''] = (reason instanceof Error ? reason.message : String(reason)).split('\n');
  // The message starts with onnxruntime's source line and the failed condition.
  return line.replace(/^\S+\.cc:\d+ .*? was false\. /, '').slice(0, 300);
}

function advice({ kind }: Device, half: boolean): string {
  const cpu = 'Leave --device out to use the CPU.';
  if (kind === 'cuda') {
    return (
      'It takes Linux on x64, an NVIDIA driver, CUDA 12 and cuDNN 9 where the loader finds them, and the part of ' +
      'onnxruntime-node that npm leaves out: ONNXRUNTIME_NODE_INSTALL=true node ' +
      `node_modules/onnxruntime-node/script/install.js (docs/gpu.md). ${cpu}`
    );
  }
  const smaller = half ? ' A device without half precision in its shaders takes --precision fp32.' : '';
  return `It takes a driver for Vulkan, Metal or Direct3D 12 (docs/gpu.md).${smaller} ${cpu}`;
}
