import { join } from 'node:path';
import type { Score, Scorer } from '../contract/models.ts';
import { toxicLabel } from './architectures/classifier.ts';
import { readFields } from './checkpoint/fields.ts';
import { readArchitecture } from './checkpoint/identity.ts';
import { type ClassifierOptions, type LoadedClassifier, loadClassifier, readClassifier } from './classifier.ts';

export type ScorerOptions = ClassifierOptions;

export interface LoadedScorer extends Scorer, Pick<LoadedClassifier, 'graphs' | 'close'> {}

/**
 * Loads a classifier with a label for toxic texts: one of two labels, or one of several that do not exclude each other.
 * Texts longer than `maxInputTokens` lose their end, as in transformers.
 */
export async function loadScorer(options: ScorerOptions): Promise<LoadedScorer> {
  const { folder } = options;
  const model = readClassifier(folder, readArchitecture(folder), 'a scorer');
  const toxic = toxicLabel(readFields(join(folder, 'config.json')), model);
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
