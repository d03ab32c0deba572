import { CheckpointError } from '../contract/errors.ts';
import { isModuleFile, isShardName, WEIGHT_FORMS } from '../engine/index.ts';
import type { HubFile, Repository } from './repository.ts';

/** Files of a repository that make up a checkpoint. Other files are not fetched: weights of other frameworks, code. */
interface Selection {
  /** Small files that the repository has. */
  readonly files: readonly HubFile[];
  /** The weights, or the index that names their shards. */
  readonly weights: HubFile;
  readonly sharded: boolean;
}

/** The largest models of hubs have about two hundred. */
const MOST_SHARDS = 1_000;
const CONFIG = 'config.json';
const SMALL_FILES: ReadonlySet<string> = new Set([
  CONFIG,
  'generation_config.json',
  'tokenizer.json',
  'tokenizer_config.json',
  'special_tokens_map.json',
  'added_tokens.json',
  'vocab.json',
  'merges.txt',
  'vocab.txt',
  'spiece.model',
  'known_words.txt',
]);

/** @throws CheckpointError if the repository has no checkpoint that can be compiled here */
export function selectFiles({ id, files, baseModels }: Repository): Selection {
  const byName = new Map(files.map((file) => [file.name, file]));
  const form = WEIGHT_FORMS.find(({ file }) => byName.has(file));
  const weights = form && byName.get(form.file);
  if (!form || !weights) {
    if (files.some(({ name }) => name.endsWith('.onnx'))) {
      const [baseModel = null] = baseModels;
      throw new CheckpointError(
        `${id} is an ONNX export for transformers.js and has no weights. detoxq compiles graphs of its own; pull the model that it was made from` +
          (baseModel === null ? ', which its card does not name' : ''),
        { code: 'checkpoint_is_export', data: { baseModel } },
      );
    }
    throw new CheckpointError(
      `${id} has no weights that can be read: neither model.safetensors nor pytorch_model.bin, whole or in shards`,
    );
  }
  if (!byName.has(CONFIG))
    throw new CheckpointError(`${id} has no config.json: it is not a checkpoint of transformers`);
  const modules = new Set(files.map(({ name }) => name).filter(isModuleFile));
  // One form of weights here, too.
  for (const name of modules)
    modules.delete(name.endsWith('safetensors') ? name.replace('model.safetensors', 'pytorch_model.bin') : '');
  return {
    // A name that is listed twice counts once.
    files: [...byName.values()].filter(({ name }) => SMALL_FILES.has(name) || modules.has(name)),
    weights,
    sharded: form.index,
  };
}

/** The shards that an index names. @throws CheckpointError for a name that is not a shard's, or that the repository lacks */
export function selectShards({ id, files }: Repository, indexName: string, index: string): HubFile[] {
  const names = new Set<string>();
  let map: unknown;
  try {
    const json: unknown = JSON.parse(index);
    map = typeof json === 'object' && json !== null && 'weight_map' in json ? json.weight_map : null;
  } catch (cause) {
    throw new CheckpointError(`${indexName} of ${id} is not JSON`, { cause });
  }
  for (const name of typeof map === 'object' && map !== null ? Object.values(map) : []) {
    if (typeof name !== 'string' || !isShardName(name)) {
      throw new CheckpointError(
        `${indexName} of ${id} names a file ${JSON.stringify(name)?.slice(0, 200)}, which is not a shard`,
      );
    }
    names.add(name);
  }
  if (names.size === 0) throw new CheckpointError(`${indexName} of ${id} names no shards`);
  if (names.size > MOST_SHARDS) {
    throw new CheckpointError(
      `${indexName} of ${id} names ${names.size} shards; ${MOST_SHARDS} are the most that are read`,
    );
  }
  if (new Set([...names].map((name) => name.toLowerCase())).size < names.size) {
    throw new CheckpointError(
      `${indexName} of ${id} names shards that differ only in capitals: some disks keep one of them`,
    );
  }
  return [...names].sort().map((name) => {
    const file = files.find((known) => known.name === name);
    if (!file) throw new CheckpointError(`${id} has no ${name}, which its ${indexName} names`);
    return file;
  });
}
