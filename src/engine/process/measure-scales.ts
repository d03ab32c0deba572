import type { EngineOptions } from '../../contract/engine.ts';
import type { ModelScales } from '../../contract/models.ts';
import type { SourceRow } from '../../contract/row.ts';
import { createPolicy } from '../../detox/policy.ts';
import { loadDetoxifier } from '../models/detoxifier.ts';
import { loadScorer } from '../models/scorer.ts';
import { collectScales } from '../runtime/static-scales.ts';

/** Every score is above this threshold, so every row is rewritten and its rewrite is scored. */
const REWRITE_ALL = 0;

/**
 * Measures activation scales. It processes rows in int8 as if all were toxic, and keeps the largest value at each place of a
 * model. It runs on the thread of its caller.
 *
 * @param options of the run's engine processes; its precision, threshold and prefilter's threshold do not matter
 * @throws CheckpointError if a model cannot be loaded or fails
 */
export async function measureScales(options: EngineOptions, rows: readonly SourceRow[]): Promise<ModelScales> {
  const { cacheFolder, generation, prompt } = options;
  const shared = { cacheFolder, precision: 'int8' as const };
  const found = { scorer: collectScales(), detoxifier: collectScales(), prefilter: collectScales() };
  const scorer = await loadScorer({ ...options.scorer, ...shared, onScale: found.scorer.onScale });
  const small = options.prefilter && { ...options.prefilter, ...shared, onScale: found.prefilter.onScale };
  const prefilter = small && { scorer: await loadScorer(small), clearBelow: 0 };
  const writing = { generation, prompt, onScale: found.detoxifier.onScale };
  const detoxifier = await loadDetoxifier({ ...options.detoxifier, ...shared, ...writing });
  try {
    const policy = createPolicy({ scorer, detoxifier, threshold: REWRITE_ALL, prefilter });
    await policy.process(rows, () => {});
  } finally {
    await Promise.all([scorer.close(), detoxifier.close(), prefilter?.scorer.close()]);
  }
  return {
    scorer: found.scorer.scales(),
    detoxifier: found.detoxifier.scales(),
    prefilter: prefilter && found.prefilter.scales(),
  };
}
