import { join } from 'node:path';
import { CheckpointError } from '../../../contract/errors.ts';
import { isThere, readCheckpointJson } from '../checkpoint-file.ts';
import { readFields } from './fields.ts';
import { isModuleFile } from './module-files.ts';

/** How a checkpoint of sentence-transformers makes one vector per text, from `modules.json` and the files that it names. */
export interface PoolingConfig {
  readonly of: 'mean' | 'first';
  /** Folder of a dense layer, and its shape; null for none. */
  readonly dense: {
    readonly folder: string;
    readonly inputs: number;
    readonly outputs: number;
    readonly tanh: boolean;
  } | null;
  /** Longest input in tokens, or null. */
  readonly maxTokens: number | null;
}

/** Reads the pooling. Without these files it is the mean over the tokens. */
export function readPooling(folder: string): PoolingConfig {
  let of: PoolingConfig['of'] = 'mean';
  let dense: PoolingConfig['dense'] = null;
  for (const { type, path } of readModules(folder)) {
    const at = join(folder, path);
    if (type === 'Pooling') of = readMode(join(at, 'config.json'));
    else if (type === 'Dense') dense = readDense(at);
    else if (type !== 'Transformer' && type !== 'Normalize') {
      throw new CheckpointError(`${folder}/modules.json: the module ${JSON.stringify(type)} is not supported`);
    }
  }
  const limits = join(folder, 'sentence_bert_config.json');
  const maxTokens = isThere(limits) ? readFields(limits).integerOrNull('max_seq_length') : null;
  return { of, dense, maxTokens };
}

function readModules(folder: string): { type: string; path: string }[] {
  const file = join(folder, 'modules.json');
  if (!isThere(file)) {
    return isThere(join(folder, '1_Pooling')) ? [{ type: 'Pooling', path: '1_Pooling' }] : [];
  }
  const list = readCheckpointJson(file);
  if (!Array.isArray(list)) throw new CheckpointError(`${file} is not a list of modules`);
  return list.map((entry: { type?: unknown; path?: unknown } | null) => {
    // The transformer is in the folder itself. The other modules are at the paths that the digest of the checkpoint covers.
    const known = (value: string) => value === '' || isModuleFile(`${value}/config.json`);
    const path = typeof entry?.path === 'string' && known(entry.path) ? entry.path : null;
    if (typeof entry?.type !== 'string' || path === null)
      throw new CheckpointError(`${file} has an entry without a type or with a path that no module has`);
    return { type: entry.type.split('.').at(-1) ?? '', path };
  });
}

function readMode(file: string): PoolingConfig['of'] {
  const fields = readFields(file);
  const on = fields.names.filter((name) => name.startsWith('pooling_mode_') && fields.raw(name) === true);
  if (on.length === 1 && on[0] === 'pooling_mode_mean_tokens') return 'mean';
  if (on.length === 1 && on[0] === 'pooling_mode_cls_token') return 'first';
  throw fields.error(
    `pools by ${on.join(' and ') || 'nothing'}: pooling_mode_mean_tokens and pooling_mode_cls_token are supported`,
  );
}

function readDense(folder: string): PoolingConfig['dense'] {
  const fields = readFields(join(folder, 'config.json'));
  const activation = fields.string('activation_function').split('.').at(-1);
  if (activation !== 'Tanh' && activation !== 'Identity') {
    throw fields.error(`activation_function ${JSON.stringify(activation)} is not supported: Tanh and Identity are`);
  }
  if (!fields.boolean('bias', true)) throw fields.error('bias = false is not supported');
  return {
    folder,
    inputs: fields.size('in_features'),
    outputs: fields.size('out_features'),
    tanh: activation === 'Tanh',
  };
}
