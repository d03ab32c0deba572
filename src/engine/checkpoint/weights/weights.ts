import { join } from 'node:path';
import { CheckpointError } from '../../../contract/errors.ts';
import { isThere, readCheckpointText } from '../checkpoint-file.ts';
import { readFields } from '../config/fields.ts';
import { openSafetensors } from './safetensors.ts';
import type { Tensors } from './tensors.ts';
import { openTorchFile } from './torch-file.ts';

/** The forms of weights that Hugging Face publishes, the preferred form first. An index names the shards of a model. */
export const WEIGHT_FORMS = [
  { file: 'model.safetensors', index: false, open: openSafetensors },
  { file: 'model.safetensors.index.json', index: true, open: openSafetensors },
  { file: 'pytorch_model.bin', index: false, open: openTorchFile },
  { file: 'pytorch_model.bin.index.json', index: true, open: openTorchFile },
] as const;

/** Weights for other frameworks. They are known so that the error can say what to do. */
const FOREIGN = ['tf_model.h5', 'flax_model.msgpack', 'model.ckpt.index', 'rust_model.ot'] as const;

/**
 * Files that hold the weights of a folder, index included, in a fixed order: the files that `openWeights` reads.
 *
 * @throws CheckpointError if there are none, or one is missing
 */
export function weightFiles(folder: string): readonly string[] {
  const form = findForm(folder);
  if (!form.index) return [form.file];
  const shards = [...new Set(readIndex(join(folder, form.file)).values())].sort();
  const missing = shards.find((shard) => !isThere(join(folder, shard)));
  if (missing) throw new CheckpointError(`${folder} has no ${missing}, which ${form.file} names: it is not complete`);
  return [form.file, ...shards];
}

/**
 * Opens the weights of a folder in the first of these forms that is there: `model.safetensors`, its sharded form,
 * `pytorch_model.bin`, its sharded form. It reads headers only.
 *
 * @throws CheckpointError with file and reason
 */
export function openWeights(folder: string): Tensors {
  const form = findForm(folder);
  const file = join(folder, form.file);
  return form.index ? openShards(folder, file, form.open) : form.open(file);
}

function findForm(folder: string): (typeof WEIGHT_FORMS)[number] {
  const form = WEIGHT_FORMS.find(({ file }) => isThere(join(folder, file)));
  if (form) return form;
  const foreign = FOREIGN.find((name) => isThere(join(folder, name)));
  if (foreign) {
    throw new CheckpointError(
      `${folder} has its weights only as ${foreign}: load it in transformers (from_tf=True or from_flax=True) and save_pretrained it`,
    );
  }
  if (isThere(join(folder, 'onnx'))) {
    const source = baseModel(folder);
    throw new CheckpointError(
      `${folder} is an ONNX export for transformers.js and has no weights. detoxq compiles graphs of its own from the model ` +
        `that it was made from${source === null ? ', which its card does not name' : ''}`,
      { code: 'checkpoint_is_export', data: { baseModel: source } },
    );
  }
  throw new CheckpointError(
    `${folder} has no weights: neither model.safetensors nor pytorch_model.bin, whole or in shards. It is not a complete checkpoint folder`,
  );
}

/** Shard of each tensor. Names of shards are file names, so they cannot point out of the folder. */
function readIndex(file: string): ReadonlyMap<string, string> {
  const fields = readFields(file);
  const map = fields.raw('weight_map');
  if (typeof map !== 'object' || map === null || Array.isArray(map)) throw fields.error('weight_map is missing');
  const shards = new Map<string, string>();
  for (const [tensor, shard] of Object.entries(map)) {
    if (typeof shard !== 'string' || !isShardName(shard)) {
      throw fields.error(`weight_map puts ${tensor} into ${JSON.stringify(shard)}, which is not the name of a shard`);
    }
    shards.set(tensor, shard);
  }
  if (shards.size === 0) throw fields.error('weight_map is empty');
  return shards;
}

export function isShardName(name: string): boolean {
  return /^[A-Za-z0-9][A-Za-z0-9._-]{0,120}\.(safetensors|bin)$/.test(name) && !name.includes('..');
}

function openShards(folder: string, index: string, open: (file: string) => Tensors): Tensors {
  const shardOf = readIndex(index);
  const shards = new Map<string, Tensors>();
  const close = () => {
    for (const shard of shards.values()) shard.close();
  };
  try {
    const infos = new Map();
    for (const [tensor, name] of shardOf) {
      const shard = shards.get(name) ?? open(join(folder, name));
      shards.set(name, shard);
      const info = shard.infos.get(tensor);
      if (!info) throw new CheckpointError(`${index} puts tensor ${tensor} into ${name}, which does not have it`);
      infos.set(tensor, info);
    }
    return {
      infos,
      has: (tensor) => infos.has(tensor),
      read(tensor, shape) {
        const shard = shards.get(shardOf.get(tensor) ?? '');
        if (!shard) throw new CheckpointError(`${index} has no tensor ${tensor}, which config.json calls for`);
        return shard.read(tensor, shape);
      },
      close,
    };
  } catch (error) {
    close();
    throw error;
  }
}

/** `base_model` of the model card, a line of the YAML at the head of README.md; null if the card has no such name. */
function baseModel(folder: string): string | null {
  const card = join(folder, 'README.md');
  if (!isThere(card)) return null;
  const head = /^---\r?\n([\s\S]*?)\r?\n---/.exec(readCheckpointText(card))?.[1] ?? '';
  return /^base_model:\s*(?:-\s*)?["']?([A-Za-z0-9][\w./-]*)["']?\s*$/m.exec(head)?.[1] ?? null;
}
