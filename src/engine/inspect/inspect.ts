import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { CheckpointError } from '../../contract/errors.ts';
import type { Inspection, ParameterCounts, WeightMemory } from '../../contract/inspection.ts';
import type { Description, Part } from '../architectures/description.ts';
import { namedParameters, printModule } from '../architectures/module.ts';
import { describe } from '../architectures/registry.ts';
import { type Fields, readFields } from '../checkpoint/config/fields.ts';
import { refusalOf } from './roles.ts';
import { tokenizerFacts } from './tokenizer-facts.ts';
import { useOf } from './use.ts';
import { weightFacts } from './weight-facts.ts';

export interface InspectRequest {
  /** As the user named it. */
  readonly name: string;
  /** Folder in Hugging Face's layout, or null if only a config is known. */
  readonly folder: string | null;
  /** The config: `config.json` of the folder, or the published one. */
  readonly configFile: string;
  /** Folder that remembers hashes of weights. */
  readonly cacheFolder: string;
}

/** Notes that a published config does not contain. */
const PUBLISHED_NOTES: Readonly<Record<string, string>> = {
  'bert-base-uncased':
    'published as BertForMaskedLM, without this classifier head: a scorer has to be trained first, with ' +
    'python -m training.finetune --task classify --base bert-base-uncased --out FOLDER',
};

/** The published configs of the five systems, which are known without a download. */
export function publishedConfig(name: string, packageRoot: string): string | null {
  const file = join(packageRoot, 'models', 'configs', `${name}.json`);
  return /^[a-z0-9][a-z0-9-]*$/.test(name) && existsSync(file) ? file : null;
}

/**
 * Describes a checkpoint from its config, the headers of its weights and its tokenizer.
 *
 * @throws CheckpointError if a file exists but cannot be read
 */
export async function inspectCheckpoint(request: InspectRequest): Promise<Inspection> {
  const { name, folder, configFile, cacheFolder } = request;
  const fields = readFields(configFile);
  const architecture = architectureOf(fields);
  const { description, reason } = tryDescribe(architecture, fields);
  const type = fields.raw('model_type');
  const modelType = typeof type === 'string' ? type : null;
  const weights = folder === null ? null : await weightFacts(folder, description, cacheFolder);
  const known = {
    name,
    folder,
    architecture,
    modelType,
    tree: description === null ? null : printModule(description.tree),
    treeReason: reason,
    traits: description?.traits ?? null,
    parameters: description === null ? null : countParameters(description),
    memory: description === null ? null : weightMemory(description),
    weights,
    tokenizer: tokenizerFacts(folder, modelType),
  };
  const notes =
    folder === null
      ? ['from its published config: its files are not on this machine', PUBLISHED_NOTES[name] ?? '']
      : [];
  return {
    ...known,
    use: useOf(known, (role) => refusalOf(role, architecture, fields)),
    notes: notes.filter((note) => note !== ''),
  };
}

function architectureOf(fields: Fields): string {
  const names = fields.raw('architectures');
  const [name] = Array.isArray(names) ? names : [];
  return typeof name === 'string' ? name : '';
}

function tryDescribe(architecture: string, fields: Fields): { description: Description | null; reason: string | null } {
  try {
    if (architecture === '') throw fields.error('architectures does not name a model class');
    return { description: describe(architecture, fields), reason: null };
  } catch (error) {
    if (!(error instanceof CheckpointError)) throw error;
    return { description: null, reason: error.message };
  }
}

const size = (shape: readonly number[]): number => shape.reduce((product, length) => product * length, 1);

/** Parameters by part. A shared parameter counts at its first place. */
function countParameters({ tree, shared, part }: Description): ParameterCounts {
  const counts = new Map<Part, number>();
  for (const { name, shape } of namedParameters(tree)) {
    // A part whose only tensor is shared is listed with a count of zero.
    const own = shared.has(name) ? 0 : size(shape);
    counts.set(part(name), (counts.get(part(name)) ?? 0) + own);
  }
  return {
    total: [...counts.values()].reduce((sum, count) => sum + count, 0),
    parts: [...counts].map(([name, count]) => ({ part: name, count })),
    shared: [...shared].map(([name, same]) => ({ name, same })),
  };
}

/**
 * Bytes of the weights in three precisions. int8 is this engine's (compile/quantize.ts): a linear layer takes one byte per
 * weight and four per output. An output matrix that is the embedding table is kept in both forms.
 */
function weightMemory({ tree, shared }: Description): WeightMemory {
  let all = 0;
  let int8 = 0;
  for (const { name, shape, outputs } of namedParameters(tree)) {
    const own = shared.has(name) ? 0 : size(shape);
    all += own;
    int8 += outputs === null ? 4 * own : size(shape) + 4 * outputs;
  }
  return { fp32: 4 * all, fp16: 2 * all, int8 };
}
