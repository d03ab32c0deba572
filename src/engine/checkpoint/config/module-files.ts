import { readdirSync } from 'node:fs';
import { join } from 'node:path';
import { isThere, readCheckpointText } from '../checkpoint-file.ts';

/** Modules of sentence-transformers: they turn the embeddings of tokens into the embedding of a text. */
const MODULE = /^\d_(Pooling|Dense|Normalize)$/;
const FILES = ['config.json', 'model.safetensors', 'pytorch_model.bin'] as const;
const LIST = 'modules.json';
/** Holds the length at which texts are cut. */
const SETTINGS = 'sentence_bert_config.json';

/** A file of a module, as a path with `/` within its checkpoint. */
export function isModuleFile(path: string): boolean {
  const [module = '', file = '', ...rest] = path.split('/');
  return (
    path === LIST ||
    path === SETTINGS ||
    (MODULE.test(module) && FILES.some((name) => name === file) && rest.length === 0)
  );
}

/**
 * Files of a folder that define how it embeds texts, in a fixed order; most checkpoints have none. Modules that
 * `modules.json` names count under any name.
 */
export function moduleFileNames(folder: string): readonly string[] {
  const modules = new Set(readdirSync(folder).filter((name) => MODULE.test(name)));
  const list = join(folder, LIST);
  const named = isThere(list) ? readCheckpointText(list).matchAll(/"path"\s*:\s*"([\w-]+)"/g) : [];
  for (const [, path] of named) if (path !== undefined) modules.add(path);
  const files = [...modules].sort().flatMap((module) => FILES.map((file) => `${module}/${file}`));
  return [LIST, SETTINGS, ...files].filter((path) => isThere(join(folder, path)));
}
