import type { EngineIdentities } from '../contract/engine.ts';

/** Digests of the weights that a run was started with. */
export interface ExpectedWeights {
  readonly scorer: string;
  readonly detoxifier: string;
  readonly prefilter?: string | undefined;
}

/** What to say when other weights were loaded than the run was started with; undefined where they are the same. */
export function otherWeights(present: EngineIdentities, expected: ExpectedWeights | undefined): string | undefined {
  for (const role of ['scorer', 'detoxifier', 'prefilter'] as const) {
    const wanted = expected?.[role];
    const loaded = present[role];
    if (wanted === undefined || loaded === undefined || loaded.digest === wanted) continue;
    return (
      `This machine's checkpoint ${loaded.name} (sha256 ${loaded.digest.slice(0, 12)}) is not the one the run ` +
      `was started with (${wanted.slice(0, 12)}): its results would not be comparable. Bring that checkpoint here.`
    );
  }
  return undefined;
}
