import { join } from 'node:path';
import type { Sizes } from '../../contract/machine.ts';
import { classOf } from '../architectures/registry.ts';
import { readFields } from '../checkpoint/config/fields.ts';
import { type CheckpointReference, identifyCheckpoint, readArchitecture } from '../checkpoint/identity.ts';
import { defaultSizes } from '../machine/sizes.ts';
import { readTuning } from '../machine/tuning.ts';
import { readClassifier } from '../models/classifier.ts';

/** What a calibration needs to know about a checkpoint of any class. */
interface TunableModel {
  /** File of the graph that reads texts. */
  readonly graph: string;
  readonly generates: boolean;
  /** The sizes that apply to it. */
  readonly sizes: readonly (keyof Sizes)[];
  readonly features: number;
  readonly vocabulary: number;
  /** Longest input in tokens. */
  readonly window: number;
}

export function readModel(folder: string): TunableModel {
  const architecture = readArchitecture(folder);
  const fields = readFields(join(folder, 'config.json'));
  const known = classOf(architecture);
  const generator = known?.generator?.(fields);
  if (generator) {
    const { size: features, vocabulary, inputPositions, defaultWindow } = generator;
    const sizes = ['maxBatchTokens', 'maxRows', 'stepsPerCall', 'keepGoingAbove', 'maxHypotheses'] as const;
    return {
      graph: 'encoder.onnx',
      generates: true,
      sizes,
      features,
      vocabulary,
      window: Math.min(inputPositions, defaultWindow),
    };
  }
  const encoder = known?.encoder?.(fields);
  const { size: features, vocabulary, window } = encoder ?? readClassifier(folder, architecture, 'a model for texts');
  const graph = encoder ? 'embeddings.onnx' : 'classifier.onnx';
  return { graph, generates: false, sizes: ['maxBatchTokens'], features, vocabulary, window };
}

/** The sizes that a checkpoint runs with on this machine. */
export interface CheckpointSizes {
  readonly sizes: Partial<Sizes>;
  /** Sizes that a calibration has chosen. The others are defaults. */
  readonly tuned: readonly (keyof Sizes)[];
}

export async function sizesOfCheckpoint(reference: CheckpointReference): Promise<CheckpointSizes> {
  const { features, sizes: names } = readModel(reference.folder);
  const tuned = await readTuning(reference.cacheFolder, await identifyCheckpoint(reference));
  const all = { ...defaultSizes(features), ...tuned };
  return {
    sizes: Object.fromEntries(names.map((name) => [name, all[name]])),
    tuned: names.filter((name) => tuned[name] !== undefined),
  };
}
