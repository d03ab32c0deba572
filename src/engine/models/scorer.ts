import { join } from 'node:path';
import type { Score, Scorer } from '../../contract/models.ts';
import { findToxicLabel, type ToxicLabel } from '../architectures/classifier.ts';
import { readFields } from '../checkpoint/config/fields.ts';
import { readArchitecture } from '../checkpoint/identity.ts';
import { type ClassifierOptions, type LoadedClassifier, loadClassifier, readClassifier } from './classifier.ts';

export interface ScorerOptions extends ClassifierOptions {
  /** Labels that mean toxic; at present one. Default: see `findToxicLabel`. */
  readonly toxicLabels?: readonly string[] | undefined;
}

export interface LoadedScorer extends Scorer, Pick<LoadedClassifier, 'graphs' | 'close'> {}

/**
 * Loads a classifier with a label for toxic texts: one of two labels, or one of several independent labels. The end of texts
 * longer than `maxInputTokens` is cut off, as in transformers.
 */
export async function loadScorer(options: ScorerOptions): Promise<LoadedScorer> {
  const { folder } = options;
  const [asked] = options.toxicLabels ?? [];
  const { index: toxic } = toxicLabelOf(folder, asked);
  const classifier = await loadClassifier(options);

  async function score(texts: readonly string[]): Promise<Score[]> {
    const results = await classifier.classify(texts);
    return results.map(({ logits, probabilities, inputTokens }) => {
      return { toxicity: probabilities[toxic] ?? Number.NaN, logits, inputTokens };
    });
  }

  const { identity, graphs, maxInputTokens, countTokens, close } = classifier;
  return { identity, graphs, maxInputTokens, countTokens, score, close };
}

/**
 * Finds the label of a checkpoint that means toxic; see `findToxicLabel`.
 *
 * @param asked its name, regardless of case; undefined: the label that is named toxic, or a guess
 * @throws UsageError, CheckpointError
 */
export function toxicLabelOf(folder: string, asked?: string): ToxicLabel {
  const model = readClassifier(folder, readArchitecture(folder), 'a scorer');
  return findToxicLabel(readFields(join(folder, 'config.json')), model, asked);
}
