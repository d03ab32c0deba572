import { readdirSync } from 'node:fs';
import { join } from 'node:path';
import { classOf } from '../../src/engine/architectures/registry.ts';
import { readFields } from '../../src/engine/checkpoint/config/fields.ts';
import { readArchitecture } from '../../src/engine/checkpoint/identity.ts';
import { type Reference, readReferences } from './references.ts';

/** Checkpoints with random weights: training/tiny_checkpoints.py wrote them, and what transformers gives for them. */
export const TINY = join(import.meta.dirname, '../fixtures/checkpoints');

/* What each of them can do follows from its class: a new fixture is in the tests of all that it can do. */

const names = readdirSync(TINY).sort();
const classOfFixture = (name: string) => classOf(readArchitecture(join(TINY, name))) ?? {};

export const TINY_GENERATORS = names.filter((name) => classOfFixture(name).generator);
export const TINY_LANGUAGE_MODELS = names.filter((name) => classOfFixture(name).languageModel);
export const TINY_CLASSIFIERS = names.filter((name) => classOfFixture(name).classifier);
export const TINY_ENCODERS = names.filter((name) => classOfFixture(name).encoder);

/** Generators of which each has other graphs: tokens that are forced change the search and no graph. */
export const TINY_GRAPHS = TINY_GENERATORS.filter((name) => !name.endsWith('-forced'));

export function isDecoderOnly(name: string): boolean {
  return classOfFixture(name).generator?.(readFields(join(TINY, name, 'config.json'))).decoderOnly ?? false;
}

export function tinyReferences(name: string): Reference[] {
  return readReferences(join(TINY, name, 'reference.jsonl'));
}
