import { existsSync } from 'node:fs';
import { availableParallelism } from 'node:os';
import { isAbsolute, join } from 'node:path';
import type { EngineProcessOptions } from '../cli/options/options.ts';
import { visible } from '../cli/terminal/visible.ts';
import { packageRoot } from '../config.ts';
import { CheckpointError } from '../contract/errors.ts';
import { CPU, type Device, requirePrecision } from '../contract/model-device.ts';
import type { CheckpointSource, ModelIdentity, Precision } from '../contract/models.ts';
import { generationOf, type RunSettings } from '../contract/settings.ts';
import { type EngineOptions, findCheckpoint, identifyCheckpoint, TEXT_ALONE } from '../engine/index.ts';
import { createEngines, type Engines } from '../worker/engines.ts';
import { requireAllowedFolder } from './checkpoint-folders.ts';
import type { Context } from './context.ts';

/** The libraries of a GPU alone take gigabytes of a process. Not measured: there was no GPU. */
const DEVICE_RSS_BYTES = 12 * 2 ** 30;

/** Engine processes of this machine: how many, and where their models run. */
export interface EnginePlace {
  readonly processes: number;
  readonly device: Device;
}

/** One process per core, or one on a device. */
export function enginePlace({ processes, device = CPU }: EngineProcessOptions): EnginePlace {
  return { processes: processes ?? (device.kind === 'cpu' ? availableParallelism() : 1), device };
}

/** Which weights a name means here and now. @throws UsageError, CheckpointError */
export async function identify(context: Context, name: string, precision: Precision): Promise<ModelIdentity> {
  const { folder, name: known } = findCheckpoint(name, packageRoot, context.config.home);
  return identifyCheckpoint({ folder, name: known, precision, cacheFolder: cacheFolder(context) });
}

/**
 * Refuses to go on with other weights than a run was started with: its results would not be comparable.
 * @throws CheckpointError that names the model and both digests
 */
export async function requireSameModels(context: Context, settings: RunSettings): Promise<void> {
  const prefilter = settings.prefilter === undefined ? [] : [settings.prefilter.scorer];
  for (const frozen of [settings.scorer, settings.detoxifier, ...prefilter]) {
    const present = await identify(context, frozen.name, frozen.precision);
    if (present.digest === frozen.digest) continue;
    throw new CheckpointError(
      `The checkpoint ${frozen.name} is not the one this run was started with (sha256 ${frozen.digest.slice(0, 12)} then, ` +
        `${present.digest.slice(0, 12)} now). Bring that one back, or begin a new run.`,
    );
  }
}

export interface EngineOpenerOptions {
  /** Called with the highest resident memory of an engine process so far, in bytes. */
  readonly onMemory?: ((peakBytes: number) => void) | undefined;
  /**
   * Runs are anybody's who may enqueue: their checkpoints are opened only in the folders that the operator of this
   * machine allows. Default false: the settings are the user's own.
   */
  readonly runsOfOthers?: boolean;
}

/** Opens engines for the settings of a run, with the checkpoints of this machine. */
export function engineOpener(
  context: Context,
  { processes, device }: EnginePlace,
  { onMemory, runsOfOthers = false }: EngineOpenerOptions = {},
): (settings: RunSettings) => Engines {
  const { home, checkpointFolders } = context.config;
  const allowed = [join(packageRoot, 'models'), home, process.cwd(), ...checkpointFolders];
  const find = ({ name }: ModelIdentity) => {
    // Before it is looked at: not even whether it exists is told.
    const isPath = isAbsolute(name) || name.split('/').includes('..');
    if (runsOfOthers && isPath) requireAllowedFolder(name, allowed);
    const checkpoint = findCheckpoint(name, packageRoot, home);
    if (runsOfOthers) requireAllowedFolder(checkpoint.folder, allowed);
    return checkpoint;
  };
  return (settings) => {
    const { scorer, detoxifier, prefilter } = settings;
    requirePrecision(device, detoxifier.precision);
    return createEngines({
      engine: optionsOf(context, device, settings, find),
      expected: { scorer: scorer.digest, detoxifier: detoxifier.digest, prefilter: prefilter?.scorer.digest },
      processes,
      ...(device.kind === 'cpu' ? {} : { maxRssBytes: DEVICE_RSS_BYTES }),
      onMemory,
      log: context.log,
    });
  };
}

/** What engine processes of this user's own run are told, with another prefilter than the settings have, or one that they do not have yet. */
export function engineOptions(
  context: Context,
  { device }: EnginePlace,
  settings: RunSettings,
  prefilter: ModelIdentity | null,
): EngineOptions {
  const find = ({ name }: ModelIdentity) => findCheckpoint(name, packageRoot, context.config.home);
  const options = optionsOf(context, device, settings, find);
  if (prefilter === null) return options;
  const toxicLabels = settings.toxicLabels?.prefilter;
  return { ...options, prefilter: { ...find(prefilter), toxicLabels, clearBelow: 0 } };
}

function optionsOf(
  context: Context,
  device: Device,
  settings: RunSettings,
  find: (model: ModelIdentity) => CheckpointSource,
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
    cacheFolder: cacheFolder(context),
  };
}

/** What `Engines.ready` waits for. */
export function loadingStep(context: Context, { scorer, detoxifier, prefilter }: RunSettings): string {
  const names = [...new Set([scorer, detoxifier, ...(prefilter ? [prefilter.scorer] : [])].map(({ name }) => name))];
  const list = names.map(visible).join(', ');
  // The first run on a machine finds no graphs; later on, only a checkpoint that is new has none.
  return existsSync(join(cacheFolder(context), 'graphs'))
    ? `Loading ${list} (compiled at their first use) …`
    : `Compiling ${list} …`;
}

function cacheFolder(context: Context): string {
  return join(context.config.home, 'compiled');
}
