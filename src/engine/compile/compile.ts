import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { inBytes, type ModelIdentity } from '../../contract/models.ts';
import { openWeights } from '../checkpoint/weights/weights.ts';
import { compiledFolder } from './cache.ts';
import type { Source } from './layers.ts';
import { createWeightFile } from './weight-file.ts';

/** Encoded ONNX models by file name. */
export type Models = Readonly<Record<string, Uint8Array>>;

interface CompileRequest {
  readonly folder: string;
  readonly cacheFolder: string;
  readonly identity: ModelIdentity;
  readonly portable: boolean;
  /** Largest magnitude of an int8 weight. */
  readonly weightLimit: number;
  /** The graphs report the activation scales that they would need (default false). */
  readonly measuring?: boolean;
  /** Everything else that decides the output of `build`. */
  readonly options: unknown;
}

/** Folder of the compiled graphs of a checkpoint, from the cache or newly made. Their weights are beside them. */
export function compileCheckpoint(request: CompileRequest, build: (source: Source) => Models): Promise<string> {
  const { folder, cacheFolder, identity, portable, weightLimit, measuring = false, options } = request;
  const limit = inBytes(identity.precision) ? weightLimit : 0;
  const key = [identity.architecture, identity.digest, identity.precision, String(limit), JSON.stringify(options)];
  if (portable) key.push('portable');
  if (measuring) key.push('measuring');
  return compiledFolder(cacheFolder, key, (target) => {
    const tensors = openWeights(folder);
    const weights = createWeightFile(target, 'weights.bin');
    try {
      const measured = measuring ? new Map() : undefined;
      const models = build({ tensors, weights, precision: identity.precision, portable, weightLimit, measured });
      for (const [name, model] of Object.entries(models)) writeFileSync(join(target, name), model);
    } finally {
      weights.close();
      tensors.close();
    }
  });
}
