import type { ModelIdentity } from '../contract/models.ts';
import { GENERATORS } from './architectures/registry.ts';
import { type CheckpointReference, readArchitecture } from './checkpoint/identity.ts';
import { loadClassifier } from './classifier.ts';
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
  const generates = Object.hasOwn(GENERATORS, readArchitecture(reference.folder));
  const loaded = generates ? await loadGenerator({ ...reference, generation: {} }) : await loadClassifier(reference);
  await loaded.close();
  return { identity: loaded.identity, graphs: loaded.graphs };
}
