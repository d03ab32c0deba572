import type { ModelIdentity } from '../../contract/models.ts';
import { classOf } from '../architectures/registry.ts';
import { type CheckpointReference, readArchitecture } from '../checkpoint/identity.ts';
import { loadClassifier } from './classifier.ts';
import { loadEncoder } from './encoder.ts';
import { loadGenerator } from './generator.ts';

/** A checkpoint with its graphs in the cache. */
export interface Prepared {
  readonly identity: ModelIdentity;
  /** Holds the graphs and their weights. */
  readonly graphs: string;
}

/**
 * Compiles a checkpoint of any class that the engine runs, as the first run with it would. If its graphs are in the cache and
 * intact, it does nothing.
 *
 * @throws CheckpointError
 */
export async function prepareCheckpoint(reference: CheckpointReference): Promise<Prepared> {
  const loaded = await load(reference);
  await loaded.close();
  return { identity: loaded.identity, graphs: loaded.graphs };
}

/** Loads it for its first use. A class that generates has graphs for other uses, too; they are made on demand. */
function load(reference: CheckpointReference): Promise<Prepared & { close(): Promise<void> }> {
  const architecture = readArchitecture(reference.folder);
  const known = classOf(architecture);
  if (known?.generator) return loadGenerator({ ...reference, generation: {} });
  if (known?.encoder) return loadEncoder(reference);
  return loadClassifier(reference);
}
