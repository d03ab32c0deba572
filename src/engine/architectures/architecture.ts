import type { TokenizerFacts } from '../../contract/inspection.ts';
import type { Fields } from '../checkpoint/config/fields.ts';
import type { Classifier } from './classifier.ts';
import type { Description } from './description.ts';
import type { Encoder } from './encoder.ts';
import type { Generator, LanguageModel } from './generator.ts';

/**
 * What the engine knows of one architecture: the `index.ts` of each folder exports one. Every function takes the fields of
 * `config.json`, and throws a CheckpointError that names file, field and reason for what it does not support.
 */
export interface Architecture {
  /** `model_type` of its configs. */
  readonly modelType: string;
  /** What transformers takes where no tokenizer is on disk (models/auto/tokenization_auto.py). */
  readonly tokenizer: NonNullable<TokenizerFacts['kind']>;
  /** By the names that `architectures` of `config.json` gives them. */
  readonly classes: Readonly<Record<string, ModelClass>>;
}

/** What a model class can do: it has a function for each. What a checkpoint of it can serve as follows (`rolesOf`). */
export interface ModelClass {
  /** Rewrites texts. */
  readonly generator?: (fields: Fields) => Generator;
  /** Says how likely texts are. */
  readonly languageModel?: (fields: Fields) => LanguageModel;
  /** Sorts texts under labels. */
  readonly classifier?: (fields: Fields) => Classifier;
  /** Gives texts vectors. */
  readonly encoder?: (fields: Fields) => Encoder;
  /** Its module tree, for `models inspect`. Absent: the tree is not printed. */
  readonly modules?: (fields: Fields) => Description;
}
