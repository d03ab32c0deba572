import { availableParallelism } from 'node:os';
import { CPU, type Device, requirePrecision } from '../contract/device.ts';
import type { EngineOptions } from '../contract/engine.ts';
import { UsageError } from '../contract/errors.ts';
import type { ModelIdentity } from '../contract/models.ts';
import type { RowVerdict } from '../contract/outcome.ts';
import type { SourceRow } from '../contract/row.ts';
import { generationOf, type RunSettings } from '../contract/settings.ts';
import { TEXT_ALONE } from '../engine/index.ts';
import { createEngines, type Engines } from '../worker/engines.ts';
import type { FindCheckpoint } from './checkpoints.ts';
import type { Context } from './context.ts';

/** The libraries of a GPU alone take gigabytes of a process. Not measured: there was no GPU. */
const DEVICE_RSS_BYTES = 12 * 2 ** 30;

/** Engine processes of this machine: how many, and where their models run. */
export interface EnginePlace {
  readonly processes: number;
  readonly device: Device;
}

/** @param given default: the CPU, with one process per core; on another device one process */
export function enginePlace({
  processes,
  device = CPU,
}: {
  readonly processes?: number | undefined;
  readonly device?: Device | undefined;
}): EnginePlace {
  if (processes !== undefined && !(Number.isInteger(processes) && processes >= 1 && processes <= 1024)) {
    throw new UsageError(`processes must be a whole number from 1 to 1024, not ${String(processes)}`);
  }
  return { processes: processes ?? (device.kind === 'cpu' ? availableParallelism() : 1), device };
}

/** Opens engines for the settings of a run. */
export type OpenEngines = (settings: RunSettings) => Engines;

export interface EngineOpenerOptions {
  readonly place: EnginePlace;
  readonly find: FindCheckpoint;
  /** Called with the highest resident memory of an engine process so far, in bytes. */
  readonly onMemory?: ((peakBytes: number) => void) | undefined;
}

/** Opens engines with the checkpoints of this machine. */
export function engineOpener(
  { log, checkpoints }: Pick<Context, 'log' | 'checkpoints'>,
  { place: { processes, device }, find, onMemory }: EngineOpenerOptions,
): OpenEngines {
  return (settings) => {
    const { scorer, detoxifier, prefilter } = settings;
    requirePrecision(device, detoxifier.precision);
    return createEngines({
      engine: engineOptions(settings, { device, find, cacheFolder: checkpoints.cacheFolder }),
      expected: { scorer: scorer.digest, detoxifier: detoxifier.digest, prefilter: prefilter?.scorer.digest },
      processes,
      ...(device.kind === 'cpu' ? {} : { maxRssBytes: DEVICE_RSS_BYTES }),
      onMemory,
      log,
    });
  };
}

/** What an engine process is told when it starts. */
export function engineOptions(
  settings: RunSettings,
  {
    device,
    find,
    cacheFolder,
  }: { readonly device: Device; readonly find: FindCheckpoint; readonly cacheFolder: string },
): EngineOptions {
  const { scorer, detoxifier, prefilter, toxicLabels, threshold, prompt = TEXT_ALONE } = settings;
  return {
    scorer: { ...find(scorer), toxicLabels: toxicLabels?.scorer },
    detoxifier: find(detoxifier),
    prefilter: prefilter && {
      ...find(prefilter.scorer),
      toxicLabels: toxicLabels?.prefilter,
      clearBelow: prefilter.clearBelow,
    },
    precision: detoxifier.precision,
    scales: settings.staticScales?.scales,
    ...{ device, threshold, prompt },
    generation: generationOf(settings),
    cacheFolder,
  };
}

/** Says that `Engines.ready` waits for models. */
export function sayLoading({ emit, checkpoints }: Context, settings: RunSettings): void {
  emit({ type: 'loading-models', models: namesOf(settings), compiling: !checkpoints.hasCompiled() });
}

function namesOf({ scorer, detoxifier, prefilter }: RunSettings): string[] {
  const models: ModelIdentity[] = [scorer, detoxifier, ...(prefilter ? [prefilter.scorer] : [])];
  return [...new Set(models.map(({ name }) => name))];
}

/** Opens the engines of a run for `work`, which is given what they make of rows, in the order of the rows. */
export async function judgeRows<T>(
  context: Context,
  openEngines: OpenEngines,
  settings: RunSettings,
  work: (verdicts: (rows: readonly SourceRow[]) => Promise<readonly RowVerdict[]>) => Promise<T>,
): Promise<T> {
  const engines = openEngines(settings);
  try {
    sayLoading(context, settings);
    await engines.ready;
    return await work((rows) => engines.process(rows));
  } finally {
    await engines.close();
  }
}
