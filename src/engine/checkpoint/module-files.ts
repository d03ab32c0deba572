import { existsSync, readdirSync } from 'node:fs';
import { join } from 'node:path';

/** Modules of sentence-transformers: how the embedding of a text is made from those of its tokens. */
const MODULE = /^\d_(Pooling|Dense|Normalize)$/;
const FILES = ['config.json', 'model.safetensors', 'pytorch_model.bin'] as const;
const LIST = 'modules.json';
/** Has the length at which texts are cut. */
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

/** The files of a folder that say how embeddings of texts are made, in a fixed order; most checkpoints have none. */
export function moduleFileNames(folder: string): readonly string[] {
  if (!existsSync(join(folder, LIST))) return [];
  const modules = readdirSync(folder).filter((name) => MODULE.test(name));
  const files = modules.sort().flatMap((module) => FILES.map((file) => `${module}/${file}`));
  return [LIST, ...[SETTINGS, ...files].filter((path) => existsSync(join(folder, path)))];
}
