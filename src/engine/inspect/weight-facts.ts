import { statSync } from 'node:fs';
import { join } from 'node:path';
import { CheckpointError } from '../../contract/errors.ts';
import type { HeaderCheck, WeightFacts } from '../../contract/inspection.ts';
import type { Description } from '../architectures/description.ts';
import { namedParameters } from '../architectures/module.ts';
import { isThere } from '../checkpoint/checkpoint-file.ts';
import { identifyCheckpoint } from '../checkpoint/identity.ts';
import type { TensorInfo } from '../checkpoint/weights/tensors.ts';
import { openWeights, WEIGHT_FORMS, weightFiles } from '../checkpoint/weights/weights.ts';

/**
 * Reads the headers of the weights, but no tensor. The first call reads the files whole to hash them.
 *
 * @param description null for an unknown class
 * @param cacheFolder folder that remembers hashes of weights
 * @returns null if the folder has no weights
 * @throws CheckpointError if the weights are broken
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

/** Null if a file that a run would need is missing. */
async function digestOf(folder: string, cacheFolder: string): Promise<string | null> {
  try {
    return (await identifyCheckpoint({ folder, name: folder, precision: 'fp32', cacheFolder })).digest;
  } catch (error) {
    if (error instanceof CheckpointError) return null;
    throw error;
  }
}

/**
 * Compares the header of the weights with the tree, as transformers does when it loads them. It accepts old spellings
 * (`gamma`, `beta`) and a missing or additional base prefix. A shared tensor needs only one of its names, and buffers may be
 * missing.
 */
export function checkHeader(description: Description, infos: ReadonlyMap<string, TensorInfo>): HeaderCheck {
  const { tree, shared, buffers, base, obsolete } = description;
  const shapes = new Map([...namedParameters(tree).map(({ name, shape }) => [name, shape] as const), ...buffers]);
  const present = new Set<string>();
  const unexpected: string[] = [];
  const renamed: string[] = [];
  const mismatched: HeaderCheck['mismatched'][number][] = [];
  for (const [written, { shape }] of infos) {
    const name = spellings(written, base).find((spelling) => shapes.has(spelling));
    const expected = name === undefined ? undefined : shapes.get(name);
    if (name === undefined || expected === undefined) {
      if (!spellings(written, base).some((spelling) => obsolete?.test(spelling))) unexpected.push(written);
      continue;
    }
    present.add(shared.get(name) ?? name);
    if (name !== written) renamed.push(written);
    if (shape.join() !== expected.join()) {
      mismatched.push({ name: written, file: `[${shape.join(', ')}]`, config: `[${expected.join(', ')}]` });
    }
  }
  const missing = [...shapes.keys()].filter((name) => !present.has(name) && !shared.has(name) && !buffers.has(name));
  return { missing, unexpected, mismatched, renamed };
}

/** Names under which transformers would look for a tensor of a file. */
function spellings(written: string, base: string): string[] {
  const modern = written.replace(/\.gamma$/, '.weight').replace(/\.beta$/, '.bias');
  const without = modern.startsWith(`${base}.`) ? [modern.slice(base.length + 1)] : [];
  return [written, modern, `${base}.${modern}`, ...without];
}
