import { existsSync, statSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { UsageError } from '../contract/errors.ts';
import type { CheckpointSource } from './protocol.ts';

/** Checkpoints that come with the package, by name: folders of `models/`. */
export const BUNDLED = { detoxifier: 'nano-bart', scorer: 'nano-roberta' } as const;

/**
 * Finds the folder of a checkpoint that the user named: a bundled one, or a folder in Hugging Face's layout.
 * A folder is known by its absolute path, so that another working folder means the same weights.
 *
 * @throws UsageError when there is neither, with what can be named instead
 */
export function findCheckpoint(name: string, packageRoot: string): CheckpointSource {
  const bundled = join(packageRoot, 'models', name);
  const isPlainName = /^[a-z0-9][a-z0-9._-]*$/i.test(name);
  if (isPlainName && existsSync(join(bundled, 'config.json'))) return { name, folder: bundled };
  const folder = resolve(name);
  if (!existsSync(folder)) {
    throw new UsageError(
      `There is no checkpoint ${JSON.stringify(name)}. Give a bundled one (${Object.values(BUNDLED).join(', ')}) ` +
        'or the path of a folder with config.json, model.safetensors and tokenizer.json, as Hugging Face publishes them.',
    );
  }
  if (!statSync(folder).isDirectory() || !existsSync(join(folder, 'config.json'))) {
    throw new UsageError(
      `${folder} is not a checkpoint: it must be a folder with config.json, model.safetensors and tokenizer.json.`,
    );
  }
  return { name: folder, folder };
}
