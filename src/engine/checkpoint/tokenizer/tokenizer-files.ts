import { join } from 'node:path';
import { CheckpointError } from '../../../contract/errors.ts';
import { isThere } from '../checkpoint-file.ts';
import { type Fields, readFields } from '../config/fields.ts';
import { readByteLevel } from './byte-level-files.ts';
import { readTokenizerConfig } from './special-tokens.ts';
import { readUnigram } from './unigram-files.ts';
import { readWordPiece } from './word-piece-files.ts';

/** A tokenizer in the structure of `tokenizer.json`, from whichever files it was read. */
export interface TokenizerFiles {
  /** File that error messages name. */
  readonly file: string;
  /** The structure of tokenizer.json. */
  readonly tokenizer: Readonly<Record<string, unknown>>;
  /** `tokenizer_config.json`; without fields if there is no such file. */
  readonly config: Fields;
  /** Special tokens by role that `config` does not have. */
  readonly special: ReadonlyMap<string, string>;
}

const CURRENT = 'tokenizer.json';

/** Vocabulary files from before tokenizer.json, with the kind of each. */
const OLDER = [
  { files: ['spiece.model'], read: (folder: string) => readUnigram(folder) },
  { files: ['vocab.txt'], read: (folder: string) => readWordPiece(folder) },
  { files: ['vocab.json', 'merges.txt'], read: readBpe },
] as const;
/** Further settings of an older vocabulary. tokenizer.json contains all of them. */
const OLDER_SETTINGS = ['special_tokens_map.json', 'added_tokens.json'] as const;

/**
 * Names of the tokenizer files of a folder, in a fixed order: the files that `readTokenizerFiles` reads.
 *
 * @throws CheckpointError if there are none
 */
export function tokenizerFileNames(folder: string): readonly string[] {
  const there = (name: string) => isThere(join(folder, name));
  const settings = ['tokenizer_config.json'].filter(there);
  if (there(CURRENT)) return [CURRENT, ...settings];
  return [...olderForm(folder).files, ...settings, ...OLDER_SETTINGS.filter(there)];
}

/**
 * Reads the tokenizer of a folder: `tokenizer.json`, or what transformers would build from the files of an older checkpoint:
 * `spiece.model` (T5), `vocab.txt` (BERT), `vocab.json` with `merges.txt` (BART, RoBERTa, GPT-2).
 *
 * @throws CheckpointError with file and reason
 */
export function readTokenizerFiles(folder: string): TokenizerFiles {
  if (isThere(join(folder, CURRENT))) {
    const fields = readFields(join(folder, CURRENT));
    const tokenizer = Object.fromEntries(fields.names.map((name) => [name, fields.raw(name)]));
    return { file: fields.file, tokenizer, config: readTokenizerConfig(folder), special: new Map() };
  }
  const form = olderForm(folder);
  const { settings, tokenizer } = form.read(folder);
  return { file: join(folder, form.files[0]), tokenizer, config: settings.config, special: settings.special };
}

function olderForm(folder: string): (typeof OLDER)[number] {
  const form = OLDER.find(({ files }) => files.every((name) => isThere(join(folder, name))));
  if (form) return form;
  throw new CheckpointError(
    `${folder} has no tokenizer: neither tokenizer.json nor spiece.model, vocab.txt, or vocab.json with merges.txt. ` +
      'It is not a complete checkpoint folder',
  );
}

/** Byte-level BPE has two forms. Its files do not tell which one; the model type does. */
function readBpe(folder: string) {
  const fields = readFields(join(folder, 'config.json'));
  const type = fields.string('model_type');
  if (type === 'bart' || type === 'roberta') return readByteLevel(folder, 'roberta');
  if (type === 'gpt2') return readByteLevel(folder, 'gpt2');
  throw fields.error(
    `vocab.json and merges.txt of model_type ${JSON.stringify(type)} cannot be read: those of bart, roberta and gpt2 can`,
  );
}
