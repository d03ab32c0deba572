import { channel } from 'node:diagnostics_channel';
import type { InferenceSession, Tensor } from 'onnxruntime-node';
import { CPU, type Device } from '../../contract/device.ts';
import { CheckpointError } from '../../contract/errors.ts';
import type { RuntimeFacts } from '../../contract/machine.ts';
import { SCALE } from '../onnx/values.ts';
import { type StaticScales, scaleInputs } from './static-scales.ts';

/** Inputs and outputs of a call: plain arrays with their shape. */
export type Value =
  | { readonly type: 'int64'; readonly data: BigInt64Array; readonly dims: readonly number[] }
  | { readonly type: 'int32'; readonly data: Int32Array; readonly dims: readonly number[] }
  | { readonly type: 'float32'; readonly data: Float32Array; readonly dims: readonly number[] };

/** A loaded graph. `run` blocks its thread, so use it in an engine process only. */
export interface Session {
  run(inputs: Readonly<Record<string, Value>>): Promise<Outputs>;
  close(): Promise<void>;
}

interface Outputs {
  floats(name: string): Float32Array;
  integers(name: string): BigInt64Array;
}

/**
 * Frees the memory of an output at once; the values are gone afterwards. With outputs of some megabytes each, the garbage
 * collector would scan the whole heap again and again, and the next outputs would be new memory, with a page fault per 4 KiB.
 * (Node 20 cannot do this; there the collector frees them.)
 */
export function discard(values: Float32Array): void {
  const buffer: ArrayBufferLike & { transfer?(length: number): ArrayBuffer } = values.buffer;
  buffer.transfer?.(0);
}

/** Published after each call of a graph. An engine process uses it to report progress, however long a row takes. */
export const ranGraph = channel('detoxq:ran-graph');

const CONFIG = { intra_op: { allow_spinning: '0' } };

const OPTIONS: InferenceSession.SessionOptions = {
  executionProviders: ['cpu'],
  intraOpNumThreads: 1,
  interOpNumThreads: 1,
  executionMode: 'sequential',
  graphOptimizationLevel: 'all',
  // Same speed and less memory when shapes differ from call to call.
  enableMemPattern: false,
  logSeverityLevel: 3,
  extra: { session: CONFIG },
};

/**
 * Loads onnxruntime-node on first use. Since 1.29 it sends telemetry and writes a device id below the home folder, unless
 * this variable is set before the library loads. detoxq contacts only what the user names (SECURITY.md).
 */
async function loadRuntime(): Promise<typeof import('onnxruntime-node')> {
  // biome-ignore lint/style/noProcessEnv: not a setting of ours, and written, not read
  process.env.ORT_DISABLE_TELEMETRY = '1';
  return await import('onnxruntime-node');
}

export async function runtimeFacts(): Promise<RuntimeFacts> {
  const { env, listSupportedBackends } = await loadRuntime();
  return {
    version: env.versions.node ?? env.versions.common,
    providers: listSupportedBackends().map(({ name }) => name),
  };
}

function optionsFor({ kind, index }: Device, onlyThere: boolean): InferenceSession.SessionOptions {
  if (kind === 'cpu') return OPTIONS;
  const provider = kind === 'cuda' ? { name: 'cuda', deviceId: index } : kind;
  const placing = onlyThere ? { session: { ...CONFIG, disable_cpu_ep_fallback: '1' } } : { session: CONFIG };
  return { ...OPTIONS, executionProviders: [provider], extra: placing };
}

export interface SessionOptions extends StaticScales {
  /** Default: the CPU. */
  readonly device?: Device;
  /** Refuses a graph with an operator that would run on the CPU (default false). */
  readonly onlyThere?: boolean;
}

/**
 * Opens a graph. On a device other than the CPU, operators that the device lacks run on the CPU. If the device is missing,
 * the session cannot be opened.
 *
 * @param model path of an ONNX file with its weights beside it, or a whole model in memory
 */
export async function openSession(
  model: string | Uint8Array,
  { device = CPU, onlyThere = false, scales, onScale }: SessionOptions = {},
): Promise<Session> {
  const options = optionsFor(device, onlyThere);
  const label = typeof model === 'string' ? model : 'the graph in memory';
  const { InferenceSession, Tensor: RuntimeTensor } = await loadRuntime();
  let session: InferenceSession;
  try {
    session =
      typeof model === 'string'
        ? await InferenceSession.create(model, options)
        : await InferenceSession.create(model, options);
  } catch (cause) {
    throw new CheckpointError(`onnxruntime cannot load ${label}`, { cause });
  }
  const given: Record<string, Tensor> = {};
  for (const [name, scale] of Object.entries(scaleInputs(session.inputNames, scales, label))) {
    given[name] = new RuntimeTensor('float32', Float32Array.of(scale), [1]);
  }
  const measured = onScale === undefined ? [] : session.outputNames.filter((name) => name.startsWith(SCALE));
  return {
    async run(inputs) {
      const feeds = { ...given };
      for (const [name, { type, data, dims }] of Object.entries(inputs))
        feeds[name] = new RuntimeTensor(type, data, dims);
      const results = await session.run(feeds);
      ranGraph.publish(undefined);
      for (const name of measured) {
        for (const scale of results[name]?.data ?? []) onScale?.(name.slice(SCALE.length), Number(scale));
      }
      return {
        floats(name) {
          const data = results[name]?.data;
          if (data instanceof Float32Array) return data;
          throw new CheckpointError(`${label} gave no fp32 output ${name}`);
        },
        integers(name) {
          const data = results[name]?.data;
          if (data instanceof BigInt64Array) return data;
          throw new CheckpointError(`${label} gave no int64 output ${name}`);
        },
      };
    },
    close: () => session.release(),
  };
}
