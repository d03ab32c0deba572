import { statSync } from 'node:fs';
import { join } from 'node:path';
import { CheckpointError } from '../../contract/errors.ts';
import type { WeightFacts } from '../../contract/inspection.ts';
import type { Description } from '../architectures/description.ts';
import { isThere } from '../checkpoint/checkpoint-file.ts';
import { identifyCheckpoint } from '../checkpoint/identity.ts';
import { openWeights, WEIGHT_FORMS, weightFiles } from '../checkpoint/weights/weights.ts';
import { checkHeader } from './header.ts';

/**
 * What the headers of the weights say; no tensor is read. Hashing reads the files whole, the first time.
 *
 * @param description null where the class is not known
 * @param cacheFolder where hashes of weights are remembered
 * @returns null where the folder has no weights
 * @throws CheckpointError where the weights are broken
 */
export async function weightFacts(
  folder: string,
  description: Description | null,
  cacheFolder: string,
): Promise<WeightFacts | null> {
  const form = WEIGHT_FORMS.find(({ file }) => isThere(join(folder, file)));
  if (form === undefined) return null;
  const files = weightFiles(folder);
  const tensors = openWeights(folder);
  try {
    const dtypes: Record<string, number> = {};
    for (const { dtype, shape } of tensors.infos.values()) {
      dtypes[dtype] = (dtypes[dtype] ?? 0) + shape.reduce((product, size) => product * size, 1);
    }
    return {
      format: `${form.index ? 'sharded ' : ''}${form.file.startsWith('pytorch') ? 'PyTorch' : 'safetensors'}`,
      files,
      bytes: files.reduce((sum, file) => sum + statSync(join(folder, file)).size, 0),
      dtypes,
      tensors: tensors.infos.size,
      digest: await digestOf(folder, cacheFolder),
      check: description === null ? null : checkHeader(description, tensors.infos),
    };
  } finally {
    tensors.close();
  }
}

/** Null where a file that a run would need is missing. */
async function digestOf(folder: string, cacheFolder: string): Promise<string | null> {
  try {
    return (await identifyCheckpoint({ folder, name: folder, precision: 'fp32', cacheFolder })).digest;
  } catch (error) {
    if (error instanceof CheckpointError) return null;
    throw error;
  }
}
