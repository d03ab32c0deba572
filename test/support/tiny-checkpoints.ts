import { join } from 'node:path';
import { type Reference, readReferences } from './references.ts';

/** Checkpoints with random weights: training/tiny_checkpoints.py wrote them, and what transformers gives for them. */
export const TINY = join(import.meta.dirname, '../fixtures/checkpoints');

/** Generators of which each has other graphs. */
export const TINY_GRAPHS = [
  'tiny-bart',
  'tiny-bart-scaled',
  'tiny-bart-untied',
  'tiny-mbart',
  'tiny-t5',
  'tiny-t5-gated',
  'tiny-gpt2',
  'tiny-gpt2-untied',
] as const;

/** All generators: tokens that are forced change the search and no graph. */
export const TINY_GENERATORS = [...TINY_GRAPHS, 'tiny-bart-forced'] as const;

export function tinyReferences(name: string): Reference[] {
  return readReferences(join(TINY, name, 'reference.jsonl'));
}
