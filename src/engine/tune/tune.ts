import { join } from 'node:path';
import type { Sizes, TunedSize } from '../../contract/machine.ts';
import type { ModelIdentity } from '../../contract/models.ts';
import type { CheckpointReference } from '../checkpoint/identity.ts';
import { defaultSizes } from '../machine/sizes.ts';
import { writeTuning } from '../machine/tuning.ts';
import { loadGenerator } from '../models/generator.ts';
import { prepareCheckpoint } from '../models/prepare.ts';
import { decodingSizes, tuneDecoding } from './decoding.ts';
import { readModel } from './model.ts';
import { tuneReading } from './reading.ts';

export interface TuneRequest extends CheckpointReference {
  /** Time for one size, after the two rounds that are always measured (default 10 s). */
  readonly budgetMs?: number;
  /** Called before each size is measured. */
  readonly onProgress: (size: keyof Sizes, number: number, of: number) => void;
}

export interface Tuned {
  readonly identity: ModelIdentity;
  readonly measured: readonly TunedSize[];
  /** Share of time that the calibration had its processor. If it is far below 1, other programs affected the rates. */
  readonly processorShare: number;
}

/** With this time, a base-size model takes a minute or two. */
const DEFAULT_BUDGET_MS = 10_000;

/**
 * Measures the sizes of the work for a checkpoint on this machine, one after the other, each with the sizes chosen before it.
 * It stores them for every process that loads the checkpoint. It blocks the thread for seconds at a time.
 */
export async function tuneCheckpoint(request: TuneRequest): Promise<Tuned> {
  const { identity, graphs } = await prepareCheckpoint(request);
  const { folder, cacheFolder, onProgress, budgetMs = DEFAULT_BUDGET_MS } = request;
  const model = readModel(folder);
  const generator = model.generates ? await loadGenerator({ ...request, generation: {} }) : null;
  const sizes: readonly (keyof Sizes)[] = ['maxBatchTokens', ...(generator === null ? [] : decodingSizes(generator))];
  const begin = (size: keyof Sizes) => onProgress(size, sizes.indexOf(size) + 1, sizes.length);
  const [startMs, startCpu] = [performance.now(), process.cpuUsage()];

  begin('maxBatchTokens');
  const reading = await tuneReading({ ...model, folder, graph: join(graphs, model.graph), budgetMs });
  const standard = { ...defaultSizes(model.features), maxBatchTokens: reading.chosen };
  const decoding = generator ? await tuneDecoding({ folder, generator, standard, budgetMs, begin }) : [];
  await generator?.close();
  const measured = [reading, ...decoding];
  await writeTuning(cacheFolder, identity, measured);
  const { user, system } = process.cpuUsage(startCpu);
  return { identity, measured, processorShare: Math.min(1, (user + system) / 1000 / (performance.now() - startMs)) };
}
