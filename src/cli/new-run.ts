import type { Run } from '../contract/run.ts';
import type { RunSettings } from '../contract/settings.ts';
import { type Dataset, openDataset } from '../producer/dataset.ts';
import { createRun } from '../store/runs.ts';
import type { Context } from './context.ts';
import { identify } from './engines.ts';
import type { RunOptions } from './options.ts';

/** A run that is about to begin: what it reads, and the settings that are frozen with it. */
export interface NewRun {
  readonly dataset: Dataset;
  readonly settings: RunSettings;
  create(): Promise<Run>;
}

export async function prepareRun(context: Context, files: readonly string[], options: RunOptions): Promise<NewRun> {
  const settings: RunSettings = {
    detoxifier: await identify(context, options.detoxifier, options.precision),
    scorer: await identify(context, options.scorer, options.precision),
    threshold: options.threshold,
    generation: { maxNewTokens: options.maxNewTokens },
    similarity: 'chrf',
  };
  const dataset = await openDataset(files, {
    format: options.format,
    textColumn: options.textColumn,
    idColumn: options.idColumn,
    limit: options.limit,
  });
  const { files: sourceFiles, options: sourceOptions } = dataset.source;
  return {
    dataset,
    settings,
    create: () =>
      createRun(context.database, {
        name: options.name ?? null,
        // A resume must cut the same chunks.
        source: { files: sourceFiles, options: { ...sourceOptions, chunkRows: options.chunkRows } },
        settings,
      }),
  };
}
