import { UsageError } from '../contract/errors.ts';
import type { Run } from '../contract/run.ts';
import type { RunSettings } from '../contract/settings.ts';
import { readTemplate, TEXT_ALONE } from '../engine/index.ts';
import { type Dataset, openDataset } from '../producer/dataset.ts';
import { dialectOf } from '../producer/dialect.ts';
import { shownSource } from '../producer/no-file.ts';
import { type InputRow, openRows } from '../producer/rows-dataset.ts';
import { createRun, requireUsableName, runsNamed } from '../store/runs.ts';
import { calibratePrefilter } from './calibrate-prefilter.ts';
import { calibrateScales } from './calibrate-scales.ts';
import { among, type RunModels } from './checkpoints.ts';
import type { Context } from './context.ts';
import { type EnginePlace, engineOpener } from './engines.ts';
import { resolveGeneration, withCandidates } from './generation.ts';
import { checkRequest, precisionOn, RUN_DEFAULTS, type RunRequest } from './run-request.ts';
import { toxicLabelsOf } from './toxic-labels.ts';

/** What is read: paths of files, with `-` for standard input, or rows of the caller. */
export type Source = readonly string[] | AsyncIterable<InputRow> | Iterable<InputRow>;

/** A run that is about to start: what it reads, its models, and the settings that are frozen with it. */
export interface PreparedRun {
  readonly dataset: Dataset;
  readonly settings: RunSettings;
  readonly models: RunModels;
  create(): Promise<Run>;
}

/**
 * Opens the source and the models, and measures what has to be measured on rows of the run before it starts.
 *
 * @param place engine processes that may be used for that
 * @throws UsageError for a request that cannot be, DatasetError, CheckpointError
 */
export async function prepareRun(
  context: Context,
  source: Source,
  request: RunRequest,
  place: EnginePlace,
): Promise<PreparedRun> {
  checkRequest(request);
  const { checkpoints, emit } = context;
  const precision = precisionOn(place.device, request.precision);
  const models: RunModels = {
    detoxifier: await checkpoints.open(request.detoxifier ?? RUN_DEFAULTS.detoxifier, precision),
    scorer: await checkpoints.open(request.scorer ?? RUN_DEFAULTS.scorer, precision),
    prefilter: request.prefilter === undefined ? null : await checkpoints.open(request.prefilter, precision),
  };
  const plain: RunSettings = {
    detoxifier: models.detoxifier.identity,
    scorer: models.scorer.identity,
    ...toxicLabelsOf(models.scorer, models.prefilter, request.toxicLabel, emit),
    threshold: request.threshold ?? RUN_DEFAULTS.threshold,
    ...(await howToWrite(context, models, request)),
    similarity: 'chrf',
  };
  const dataset = await openSource(context, source, request);
  try {
    const settings = await calibrated(context, { dataset, plain, models, request, place });
    const { name = null, chunkRows = RUN_DEFAULTS.chunkRows } = request;
    if (name !== null) await checkName(context, name);
    const { files, options } = dataset.source;
    return {
      ...{ dataset, settings, models },
      // A resume must cut the same chunks.
      create: () =>
        createRun(context.database, { name, source: { files, options: { ...options, chunkRows } }, settings }),
    };
  } catch (error) {
    dataset.close();
    throw error;
  }
}

async function openSource({ emit }: Context, source: Source, request: RunRequest): Promise<Dataset> {
  const { format, textColumn, idColumn, limit } = request;
  const onNote = (message: string): void => emit({ type: 'source-note', message });
  if (source === null || typeof source !== 'object') {
    throw new UsageError('The source must be an array of paths, or an iterable of rows ({ text, key?, meta? }).');
  }
  if (!isPaths(source)) {
    const unused = { format, textColumn, idColumn, ...dialectOf(request) };
    const given = Object.entries(unused).find(([, value]) => value !== undefined);
    if (given !== undefined) throw new UsageError(`${given[0]} is of no effect on rows, which have text, key and meta`);
    return openRows(source, { limit });
  }
  emit({ type: 'reading', sources: source.map(shownSource) });
  const dataset = await openDataset(source, { format, textColumn, idColumn, limit, ...dialectOf(request), onNote });
  if (dataset.textColumn !== null) {
    const { guessedFrom, source: read } = dataset;
    const idColumnFound = read.options.idColumnFound !== null;
    emit({ type: 'columns', textColumn: dataset.textColumn, guessedFrom, idColumn: dataset.idColumn, idColumnFound });
  }
  return dataset;
}

/** An array of strings is paths; rows are objects. */
function isPaths(source: Source): source is readonly string[] {
  return Array.isArray(source) && source.every((path) => typeof path === 'string');
}

async function checkName({ database, emit }: Context, name: string): Promise<void> {
  await requireUsableName(database, name);
  if ((await runsNamed(database, name)).length > 0) emit({ type: 'name-taken', name });
}

interface Calibration {
  readonly dataset: Dataset;
  readonly plain: RunSettings;
  readonly models: RunModels;
  readonly request: RunRequest;
  readonly place: EnginePlace;
}

/** Settings with what has to be measured on rows of the run before it starts. */
async function calibrated(
  context: Context,
  { dataset, plain, models, request, place }: Calibration,
): Promise<RunSettings> {
  const {
    staticMaxMoved: maxMoved = RUN_DEFAULTS.staticMaxMoved,
    prefilterMaxMiss: maxMiss = RUN_DEFAULTS.prefilterMaxMiss,
  } = request;
  const find = among(models);
  const shared = { dataset, openEngines: engineOpener(context, { place, find }) };
  const prefilter = models.prefilter?.identity ?? null;
  const scales = () =>
    calibrateScales(context, { ...shared, settings: plain, prefilter, maxMoved, device: place.device, find });
  const scaled = plain.scorer.precision === 'int8-static' ? { ...plain, staticScales: await scales() } : plain;
  if (prefilter === null) return scaled;
  return {
    ...scaled,
    prefilter: await calibratePrefilter(context, { ...shared, settings: scaled, prefilter, maxMiss }),
  };
}

/** What is asked for, with a limit: a run without one must not take a checkpoint's own 1024 tokens. */
async function howToWrite(
  { emit }: Context,
  { detoxifier: { folder, identity } }: RunModels,
  { generation: asked = {}, candidates = RUN_DEFAULTS.candidates, badWords, prompt: template }: RunRequest,
): Promise<Pick<RunSettings, 'generation' | 'prompt'>> {
  const given = withCandidates(asked, candidates);
  const limited = 'max_new_tokens' in given || 'max_length' in given;
  const generation = await resolveGeneration(
    { folder, architecture: identity.architecture },
    limited ? given : { max_new_tokens: RUN_DEFAULTS.maxNewTokens, ...given },
    badWords,
    emit,
  );
  const prompt = readTemplate(folder, template, identity.name);
  return prompt === TEXT_ALONE ? { generation } : { generation, prompt };
}
