import { existsSync, readdirSync, statSync } from 'node:fs';
import { createRequire } from 'node:module';
import { dirname, join, resolve } from 'node:path';
import { UsageError } from '../../contract/errors.ts';
import type { LocalCheckpoint } from '../../contract/models.ts';
import { ALIASES, findAlias, hubNameOf } from './aliases.ts';
import { findPulled } from './pulled.ts';

/** Bundled checkpoints that are used if the user names none: folders of `models/`. */
export const BUNDLED = { detoxifier: 'nano-bart', scorer: 'nano-roberta' } as const;

/** Models beside the two that a run uses by default: of detoxq's repository, and of a package of their own. */
export const MORE_MODELS: readonly string[] = ['nano-bert', 'nano-fluency', 'nano-gpt2', 'nano-sim', 'nano-t5'];
const MORE_PACKAGE = 'detoxq-models';

/** Folders of bundled checkpoints: the package's own and, where it is installed beside it, that of `detoxq-models`. */
export function bundledFolders(packageRoot: string): string[] {
  const own = join(packageRoot, 'models');
  try {
    const more = createRequire(join(packageRoot, 'package.json')).resolve(`${MORE_PACKAGE}/package.json`);
    return [own, dirname(more)];
  } catch {
    return [own];
  }
}

/** The folder of a bundled checkpoint; null where none has this name here. */
export function bundledFolder(name: string, packageRoot: string): string | null {
  if (!isPlainName(name)) return null;
  const folders = bundledFolders(packageRoot).map((folder) => join(folder, name));
  return folders.find((folder) => existsSync(join(folder, 'config.json'))) ?? null;
}

/** Names of all bundled checkpoints that are here. */
export function bundledNames(packageRoot: string): string[] {
  const names = bundledFolders(packageRoot).flatMap((folder) => readdirSync(folder));
  return [...new Set(names)].filter((name) => bundledFolder(name, packageRoot) !== null).sort();
}

/** @throws UsageError, with what to install, for a name of `detoxq-models`: call it where `bundledFolder` has found none */
export function requireInstalled(name: string): void {
  if (!MORE_MODELS.includes(name)) return;
  throw new UsageError(
    `${name} is in the package ${MORE_PACKAGE}, which is not installed here. Install it beside detoxq: npm install ${MORE_PACKAGE}`,
  );
}

/** Folder of the pulled checkpoints. */
export function modelsFolder(home: string): string {
  return join(home, 'models');
}

function isPlainName(name: string): boolean {
  return /^[a-z0-9][a-z0-9._-]*$/i.test(name);
}

/**
 * Finds the folder of a checkpoint that the user named. It looks for a bundled checkpoint, then for a pulled alias or hub id,
 * then for a folder in Hugging Face's layout (`./gpt2` is always the folder). It never fetches anything. A folder is
 * identified by its absolute path, so the name means the same weights in every working folder.
 *
 * @param home `DETOXQ_HOME`
 * @throws UsageError if there is none, with what can be named or done instead
 */
export function findCheckpoint(name: string, packageRoot: string, home: string): LocalCheckpoint {
  const bundled = bundledFolder(name, packageRoot);
  if (bundled !== null) return { name, folder: bundled };

  const hubName = hubNameOf(name);
  const pulled = hubName && findPulled(modelsFolder(home), hubName);
  if (pulled) return { name, folder: pulled.folder };

  const folder = resolve(name);
  if (hubName && findAlias(name.split('@')[0] ?? '')) {
    throw new UsageError(`${name} (${hubName.id}) is not on this machine yet.`, {
      code: 'checkpoint_not_pulled',
      data: { checkpoint: name },
    });
  }
  if (existsSync(folder)) {
    if (statSync(folder).isDirectory() && existsSync(join(folder, 'config.json'))) return { name: folder, folder };
    throw new UsageError(
      `${folder} is not a checkpoint: it must be a folder with config.json, weights (model.safetensors or ` +
        'pytorch_model.bin) and tokenizer files, as Hugging Face publishes them.',
    );
  }
  requireInstalled(name);
  throw new UsageError(
    `There is no checkpoint ${JSON.stringify(name)} on this machine. Give a bundled one ` +
      `(${bundledNames(packageRoot).join(', ')}), an alias (${ALIASES.map((known) => known.name).join(', ')}), ` +
      "a hub's owner/name, or the path of a folder with config.json, weights and tokenizer files.",
    { code: 'checkpoint_not_found', data: { checkpoint: name, hub: hubName !== null && name.includes('/') } },
  );
}
