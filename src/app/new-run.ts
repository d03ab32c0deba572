import { givenDialect } from '../cli/options/dialect-options.ts';
import { givenGeneration } from '../cli/options/generation-options.ts';
import { precisionOf, RUN_MAX_NEW_TOKENS, type RunOptions } from '../cli/options/options.ts';
import { sayColumns, sayNote } from '../cli/terminal/say-note.ts';
import { terminal } from '../cli/terminal/terminal.ts';
import { visible } from '../cli/terminal/visible.ts';
import { packageRoot } from '../config.ts';
import type { ModelIdentity } from '../contract/models.ts';
import type { Run } from '../contract/run.ts';
import type { RunSettings } from '../contract/settings.ts';
import { findCheckpoint, readTemplate, TEXT_ALONE } from '../engine/index.ts';
import { type Dataset, openDataset } from '../producer/dataset.ts';
import { shownSource } from '../producer/no-file.ts';
import { createRun, requireUsableName, runsNamed } from '../store/runs.ts';
import { calibratePrefilter } from './calibrate-prefilter.ts';
import { calibrateScales } from './calibrate-scales.ts';
import type { Context } from './context.ts';
import { type EnginePlace, identify } from './engines.ts';
import { resolveGeneration } from './resolve-generation.ts';
import { toxicLabelsOf } from './toxic-labels.ts';
import { withCandidates } from './with-candidates.ts';

/** A run that is about to begin: what it reads, and the settings that are frozen with it. */
export interface NewRun {
  readonly dataset: Dataset;
  readonly settings: RunSettings;
  create(): Promise<Run>;
}

/** @param place engine processes that may be used to prepare it */
export async function prepareRun(
  context: Context,
  files: readonly string[],
  options: RunOptions,
  place: EnginePlace,
): Promise<NewRun> {
  const { threshold } = options;
  const precision = precisionOf(options);
  const detoxifier = await identify(context, options.detoxifier, precision);
  const scorer = await identify(context, options.scorer, precision);
  const writing = await howToWrite(context, detoxifier, options);
  const prefilter = options.prefilter === undefined ? null : await identify(context, options.prefilter, precision);
  const find = (name: string) => findCheckpoint(name, packageRoot, context.config.home);
  const small = options.prefilter === undefined ? null : find(options.prefilter);
  const scoring = toxicLabelsOf(find(options.scorer), small, options.toxicLabel);
  terminal.step(`Reading ${files.map((file) => visible(shownSource(file))).join(', ')} …`);
  const dataset = await openDataset(files, {
    format: options.format,
    textColumn: options.textColumn,
    idColumn: options.idColumn,
    limit: options.limit,
    ...givenDialect(options),
    onNote: sayNote,
  });
  sayColumns(dataset);
  const plain: RunSettings = { detoxifier, scorer, ...scoring, threshold, ...writing, similarity: 'chrf' };
  const settings = await calibrated(context, dataset, plain, { prefilter, options, place });
  if (options.name !== undefined) await checkName(context, options.name);
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

async function checkName({ database }: Context, name: string): Promise<void> {
  await requireUsableName(database, name);
  if ((await runsNamed(database, name)).length === 0) return;
  process.stderr.write(`Another run is named ${name}, too: use the id to name either of them.\n`);
}

/** Settings with what has to be measured on rows of the run before it begins. */
async function calibrated(
  context: Context,
  dataset: Dataset,
  plain: RunSettings,
  { prefilter, options, place }: { prefilter: ModelIdentity | null; options: RunOptions; place: EnginePlace },
): Promise<RunSettings> {
  const { staticMaxMoved: maxMoved, prefilterMaxMiss: maxMiss } = options;
  const shared = { dataset, place };
  const scaled =
    plain.scorer.precision === 'int8-static'
      ? { ...plain, staticScales: await calibrateScales(context, { ...shared, settings: plain, prefilter, maxMoved }) }
      : plain;
  if (prefilter === null) return scaled;
  const request = { ...shared, settings: scaled, prefilter, maxMiss };
  return { ...scaled, prefilter: await calibratePrefilter(context, request) };
}

/** What is asked for, with a limit: a run that no one limits is not one that should take a checkpoint's own 1024 tokens. */
async function howToWrite(
  context: Context,
  { name, architecture }: ModelIdentity,
  options: RunOptions,
): Promise<Pick<RunSettings, 'generation' | 'prompt'>> {
  const { folder } = findCheckpoint(options.detoxifier, packageRoot, context.config.home);
  const given = withCandidates(givenGeneration(options), options.candidates);
  const limited = 'max_new_tokens' in given || 'max_length' in given;
  const generation = await resolveGeneration(
    { folder, architecture },
    limited ? given : { max_new_tokens: RUN_MAX_NEW_TOKENS, ...given },
    options.badWords,
  );
  const prompt = readTemplate(folder, options.prompt, name);
  return prompt === TEXT_ALONE ? { generation } : { generation, prompt };
}
