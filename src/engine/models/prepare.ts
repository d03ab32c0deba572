import type { ModelIdentity } from '../../contract/models.ts';
import { classOf } from '../architectures/registry.ts';
import { type CheckpointReference, readArchitecture } from '../checkpoint/identity.ts';
import { loadClassifier } from './classifier.ts';
import { loadEncoder } from './encoder.ts';
import { loadGenerator } from './generator.ts';

/** A checkpoint whose graphs are in the cache. */
export interface Prepared {
  readonly identity: ModelIdentity;
  /** Holds the graphs and their weights. */
  readonly graphs: string;
}

/**
 * Compiles a checkpoint of any class that the engine runs, as the first run with it would, or finds its graphs whole.
 * @throws CheckpointError
 */
export async function prepareCheckpoint(reference: CheckpointReference): Promise<Prepared> {
  const loaded = await load(reference);
  await loaded.close();
  return { identity: loaded.identity, graphs: loaded.graphs };
}

/** As what it is used first: a class that generates has graphs for other uses, too, which are made when they are asked for. */
function load(reference: CheckpointReference): Promise<Prepared & { close(): Promise<void> }> {
  const architecture = readArchitecture(reference.folder);
  const known = classOf(architecture);
  if (known?.generator) return loadGenerator({ ...reference, generation: {} });
  if (known?.encoder) return loadEncoder(reference);
  return loadClassifier(reference);
}
