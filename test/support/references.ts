import { readFileSync } from 'node:fs';

/** What transformers gives for a text: a row that training/reference.py wrote. */
export interface Reference {
  readonly text: string;
  readonly input_tokens: readonly number[];
  /** Of a generator. */
  readonly tokens: readonly number[];
  readonly output: string;
  /** Of a classifier. */
  readonly logits: readonly number[];
  readonly probabilities: readonly number[];
  /** Of an encoder. */
  readonly embedding: readonly number[];
  /** Of a language model. */
  readonly log_likelihood: number;
}

export function readReferences(file: string): Reference[] {
  const lines = readFileSync(file, 'utf8').trim().split('\n');
  return lines.map((line) => JSON.parse(line));
}
