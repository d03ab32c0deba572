import { createHash } from 'node:crypto';
import { join } from 'node:path';
import type { ModelIdentity, Precision } from '../../contract/models.ts';
import { isThere } from './checkpoint-file.ts';
import { readFields } from './config/fields.ts';
import { moduleFileNames } from './config/module-files.ts';
import { fileHash, rememberedHash } from './file-hash.ts';
import { readPullRecord } from './pull-record.ts';
import { tokenizerFileNames } from './tokenizer/tokenizer-files.ts';
import { weightFiles } from './weights/weights.ts';

export interface CheckpointReference {
  /** Folder in Hugging Face's layout. */
  readonly folder: string;
  /** As the user named it: alias, hub id or folder name. */
  readonly name: string;
  readonly precision: Precision;
  /** Compiled graphs and hashes of weights are kept here. May be emptied at any time. */
  readonly cacheFolder: string;
}

/**
 * Identifies the weights in a folder without loading them into a session. The hash of the weights is remembered, so the
 * second call is instant.
 *
 * @throws CheckpointError if the files of a pulled checkpoint have changed
 */
export async function identifyCheckpoint(reference: CheckpointReference): Promise<ModelIdentity> {
  const { folder, name, precision, cacheFolder } = reference;
  const architecture = readArchitecture(folder);
  const pulled = readPullRecord(folder);
  const digest = createHash('sha256');
  // This order must never change: results name the digest.
  const small = [
    'config.json',
    'generation_config.json',
    ...tokenizerFileNames(folder),
    'known_words.txt',
    ...moduleFileNames(folder),
  ];
  for (const file of small) {
    const hash = await hashIfThere(join(folder, file));
    pulled.check(file, hash);
    if (hash !== null) digest.update(`${file} ${hash}\n`);
  }
  for (const file of weightFiles(folder)) {
    const hash = await rememberedHash(join(folder, file), cacheFolder);
    pulled.check(file, hash);
    digest.update(`${file} ${hash}\n`);
  }
  return { name, architecture, digest: digest.digest('hex'), precision };
}

/** The one class named in `architectures` of `config.json`. */
export function readArchitecture(folder: string): string {
  const fields = readFields(join(folder, 'config.json'));
  const names = fields.raw('architectures');
  const [name] = Array.isArray(names) ? names : [];
  if (typeof name !== 'string') throw fields.error('architectures does not name a model class');
  return name;
}

async function hashIfThere(file: string): Promise<string | null> {
  return isThere(file) ? fileHash(file) : null;
}
