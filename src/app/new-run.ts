import { CPU, defaultPrecision, requirePrecision } from '../contract/device.ts';
import { UsageError } from '../contract/errors.ts';
import type { GenerationOverrides } from '../contract/generation.ts';
import type { Precision } from '../contract/models.ts';
import type { Run } from '../contract/run.ts';
import type { RunSettings } from '../contract/settings.ts';
import { BUNDLED, readTemplate, TEXT_ALONE } from '../engine/index.ts';
import { type Dataset, openDataset } from '../producer/dataset.ts';
import { type Dialect, dialectOf } from '../producer/dialect.ts';
import type { Format } from '../producer/format.ts';
import { shownSource } from '../producer/no-file.ts';
import { type InputRow, openRows } from '../producer/rows-dataset.ts';
import { createRun, requireUsableName, runsNamed } from '../store/runs.ts';
import { calibratePrefilter } from './calibrate-prefilter.ts';
import { calibrateScales } from './calibrate-scales.ts';
import { among, type RunModels } from './checkpoints.ts';
import type { Context } from './context.ts';
import { type EnginePlace, engineOpener } from './engines.ts';
import { resolveGeneration, withCandidates } from './generation.ts';
import { toxicLabelsOf } from './toxic-labels.ts';

/** What is read: paths of files, with `-` for standard input, or rows of the caller. */
export type Source = readonly string[] | AsyncIterable<InputRow> | Iterable<InputRow>;

/** What a run is asked to do. Everything has a default but what is read. */
export interface RunRequest extends Dialect {
  /** Column that holds the text. Default: a usual name, such as `text` or `body`, or the only column of strings; refused when unsure. */
  readonly textColumn?: string | undefined;
  /** Column that holds the row key. Default: `id`, where there is one. */
  readonly idColumn?: string | undefined;
  /** Of all files. Default: by the ending of each. */
  readonly format?: Format | undefined;
  /** Rows to take at most. Default: all. */
  readonly limit?: number | undefined;
  /** Rows per chunk, 1 to 10,000: the unit of dispatch and of writing. Default 256. */
  readonly chunkRows?: number | undefined;
  /** A name for the run, which stands for its id as long as only one run has it. */
  readonly name?: string | undefined;
  /** Alias, hub id or folder of the model that rewrites. Default `nano-bart`. */
  readonly detoxifier?: string | undefined;
  /** Alias, hub id or folder of the model that scores. Default `nano-roberta`. */
  readonly scorer?: string | undefined;
  /** Rows are toxic from this score on, 0 to 1. Default 0.5. */
  readonly threshold?: number | undefined;
  /** Label of the scorer that means toxic. Default: `toxic`, or the only label with a usual name. */
  readonly toxicLabel?: string | undefined;
  /** A small scorer that clears rows which are surely clean, so that the scorer skips them. Default: none. */
  readonly prefilter?: string | undefined;
  /** Share of all rows, above 0 and below 1, that the prefilter may clear although the scorer would call them toxic. Default 0.001. */
  readonly prefilterMaxMiss?: number | undefined;
  /** Rewrites of a sentence to choose the best from, 1 to 64. Default 1. */
  readonly candidates?: number | undefined;
  /** Default: `int8` on a CPU, `fp16` on a GPU. */
  readonly precision?: Precision | undefined;
  /** With `int8-static`: share of labels and of words in rewrites that may differ from int8, above 0 and below 1. Default 0.02. */
  readonly staticMaxMoved?: number | undefined;
  /** Template, with `{text}`, in which texts are put to the detoxifier. Default: the checkpoint's own. */
  readonly prompt?: string | undefined;
  /** File of words that are never produced, one per line. */
  readonly badWords?: string | undefined;
  /** Generation options under their Hugging Face names. Default: the checkpoint's own, with `max_new_tokens` 64. */
  readonly generation?: GenerationOverrides | undefined;
}

export const RUN_DEFAULTS = {
  ...{ detoxifier: BUNDLED.detoxifier, scorer: BUNDLED.scorer, threshold: 0.5, chunkRows: 256, candidates: 1 },
  ...{ prefilterMaxMiss: 0.001, staticMaxMoved: 0.02 },
  /** Longest rewrite of a sentence, in tokens: a checkpoint's own limit may be 1024. */
  maxNewTokens: 64,
} as const;

const MAX_NAME_CHARS = 100;

/** What a name of a run must be; null where this one is. */
export function faultOfName(name: string): string | null {
  const usable =
    name.trim() !== '' &&
    name !== 'latest' &&
    !name.startsWith('-') &&
    name.length <= MAX_NAME_CHARS &&
    !/\p{Cc}/u.test(name);
  return usable
    ? null
    : `It must have 1 to ${MAX_NAME_CHARS} visible characters, not begin with "-", and not be "latest", which is the newest run.`;
}

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

/** What models run in on a device. @throws UsageError where the device does not run in what is asked for */
export function precisionOn(device: EnginePlace['device'], asked: Precision | undefined): Precision {
  const precision = asked ?? defaultPrecision(device ?? CPU);
  requirePrecision(device, precision);
  return precision;
}

/** The command line has checked its options with words of its own; a program may give anything. */
function checkRequest(request: RunRequest): void {
  const within = (name: keyof RunRequest, least: number, most: number, whole: boolean): void => {
    const value: unknown = request[name];
    if (value === undefined) return;
    if (typeof value === 'number' && value >= least && value <= most && (!whole || Number.isInteger(value))) return;
    throw new UsageError(
      `${name} must be a ${whole ? 'whole number' : 'number'} from ${least} to ${most}, not ${String(value)}`,
    );
  };
  within('threshold', 0, 1, false);
  within('prefilterMaxMiss', Number.MIN_VALUE, 1 - Number.EPSILON, false);
  within('staticMaxMoved', Number.MIN_VALUE, 1 - Number.EPSILON, false);
  within('candidates', 1, 64, true);
  within('chunkRows', 1, 10_000, true);
  within('limit', 1, Number.MAX_SAFE_INTEGER, true);
  const fault = request.name === undefined ? null : faultOfName(request.name);
  if (fault !== null) throw new UsageError(`name: ${fault}`);
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
