import type { ActivationScales } from '../../src/contract/models.ts';
import { type DetoxifierOptions, loadDetoxifier, loadScorer, type ScorerOptions } from '../../src/engine/index.ts';
import { collectScales } from '../../src/engine/runtime/static-scales.ts';

/** Scales for a scorer in int8-static. */
export async function scorerScales(options: ScorerOptions, texts: readonly string[]): Promise<ActivationScales> {
  const { onScale, scales } = collectScales();
  const scorer = await loadScorer({ ...options, precision: 'int8', onScale });
  await scorer.score(texts);
  await scorer.close();
  return scales();
}

/** Scales for a detoxifier in int8-static. */
export async function detoxifierScales(
  options: DetoxifierOptions,
  texts: readonly string[],
): Promise<ActivationScales> {
  const { onScale, scales } = collectScales();
  const detoxifier = await loadDetoxifier({ ...options, precision: 'int8', onScale });
  await detoxifier.rewrite(texts);
  await detoxifier.close();
  return scales();
}
