import { configWith } from '../config.ts';
import { CPU, type Device } from '../contract/device.ts';
import { DetoxqError, UsageError } from '../contract/errors.ts';
import type { GenerationOverrides } from '../contract/generation.ts';
import type { Log } from '../contract/log.ts';
import type { ModelIdentity, Precision, Rewrite } from '../contract/models.ts';
import type { RowResult } from '../contract/outcome.ts';
import type { RunSettings } from '../contract/settings.ts';
import { readTemplate, type TextScore, toxicLabelOf } from '../engine/index.ts';
import { among, createCheckpoints, type RunModels } from './checkpoints.ts';
import { type EnginePlace, engineOpener, enginePlace } from './engines.ts';
import { resolveGeneration, withCandidates } from './generation.ts';
import { openModelPool } from './model-pool.ts';
import { type FieldKinds, precisionOn, RUN_DEFAULTS, requireFields } from './run-request.ts';
import { toxicLabelsOf } from './toxic-labels.ts';

/** Where models run, and where they are kept. */
export interface EngineChoice {
  /** Default: `int8` on a CPU, `fp16` on a GPU. */
  readonly precision?: Precision | undefined;
  /** Engine processes. Default: one per core; on a GPU one. */
  readonly processes?: number | undefined;
  /** Default: the CPU. */
  readonly device?: Device | undefined;
  /** Folder of pulled checkpoints and compiled models. Default: `DETOXQ_HOME`, else `.detoxq`. */
  readonly home?: string | undefined;
  /** Takes deaths of engine processes. Default: nothing is logged. */
  readonly log?: Log | undefined;
}

export interface ScorerChoice extends EngineChoice {
  /** Label that means toxic. Default: `toxic`, or the only label with a usual name. */
  readonly toxicLabel?: string | undefined;
}

export interface DetoxifierChoice extends EngineChoice {
  /** Generation options under their Hugging Face names. Default: the checkpoint's own. */
  readonly generation?: GenerationOverrides | undefined;
  /** Template, with `{text}`, in which texts are put to the model. Default: the checkpoint's own. */
  readonly prompt?: string | undefined;
}

/** A model in processes of its own. */
interface OpenModel extends AsyncDisposable {
  /** Which weights were loaded. */
  readonly identity: ModelIdentity;
  /** Longest input in tokens, special tokens included. */
  readonly maxInputTokens: number;
  close(): Promise<void>;
}

export interface OpenScorer extends OpenModel {
  /**
   * One score per text, in order: what a run stores as `toxicity_before`. Long texts are read in pieces, and the most toxic
   * piece counts. A score never depends on the other texts of the call; calls may overlap.
   *
   * @throws TypeError for what is not a string, with its index
   */
  score(texts: readonly string[]): Promise<TextScore[]>;
}

export interface OpenDetoxifier extends OpenModel {
  /**
   * One rewrite per text, in order, as the model writes it: the model gets the text as it is, like `model.generate()` of
   * transformers. For rewrites that fit their source, with guards and scores, see `createPolicy`.
   *
   * @throws TypeError for what is not a string, with its index
   */
  rewrite(texts: readonly string[]): Promise<Rewrite[]>;
}

const SILENT: Log = { debug() {}, info() {}, warn() {}, error() {} };

const ENGINE_FIELDS: FieldKinds<keyof EngineChoice> = {
  ...{ precision: 'text', processes: 'any', device: 'object', home: 'text', log: 'object' },
};
const POLICY_FIELDS: FieldKinds<keyof PolicyChoice> = {
  ...ENGINE_FIELDS,
  ...{ scorer: 'text', detoxifier: 'text', threshold: 'any', toxicLabel: 'text', candidates: 'any' },
  ...{ generation: 'object', prompt: 'text' },
};

interface Place extends EnginePlace {
  readonly precision: Precision;
}

function placeOf({ precision, processes, device }: EngineChoice): Place {
  return { ...enginePlace({ processes, device }), precision: precisionOn(device ?? CPU, precision) };
}

function checkpointsIn(home: string | undefined) {
  const config = configWith({ DETOXQ_HOME: home });
  return createCheckpoints(config.home, config.checkpointFolders);
}

function requireTexts(texts: readonly unknown[]): void {
  if (!Array.isArray(texts)) throw new TypeError('texts must be an array of strings');
  const at = texts.findIndex((text) => typeof text !== 'string');
  if (at >= 0) throw new TypeError(`text ${at} is not a string`);
}

/**
 * Loads a checkpoint that scores, in engine processes of its own: the event loop of the caller stays free. No service is needed.
 *
 * @param name alias, hub id or folder
 * @throws UsageError, CheckpointError where there is no such checkpoint, or it cannot score
 * @example
 * await using scorer = await loadScorer('nano-roberta');
 * const [score] = await scorer.score(['You are an idiot.']);
 * console.log(score?.toxicity);
 */
export async function loadScorer(name: string, choice: ScorerChoice = {}): Promise<OpenScorer> {
  requireFields(choice, { ...ENGINE_FIELDS, toxicLabel: 'text' }, 'an option of loadScorer');
  const { precision, processes, device } = placeOf(choice);
  const { find, cacheFolder } = checkpointsIn(choice.home);
  const source = find(name);
  const toxicLabels = [toxicLabelOf(source.folder, choice.toxicLabel).name];
  const options = { ...source, precision, device, cacheFolder, role: 'scorer', toxicLabels } as const;
  const { identity, maxInputTokens, call, close } = await openModelPool<TextScore>(
    options,
    processes,
    choice.log ?? SILENT,
  );
  return {
    ...{ identity, maxInputTokens, close, [Symbol.asyncDispose]: close },
    async score(texts) {
      requireTexts(texts);
      return call(texts);
    },
  };
}

/**
 * Loads a checkpoint that rewrites, in engine processes of its own.
 *
 * @param name alias, hub id or folder
 * @throws UsageError, CheckpointError where there is no such checkpoint, it cannot write, or it does not know an option
 * @example
 * await using detoxifier = await loadDetoxifier('nano-bart', { generation: { num_beams: 4 } });
 * const [rewrite] = await detoxifier.rewrite(['who the hell wrote this ?']);
 * console.log(rewrite?.text);
 */
export async function loadDetoxifier(name: string, choice: DetoxifierChoice = {}): Promise<OpenDetoxifier> {
  requireFields(choice, { ...ENGINE_FIELDS, generation: 'object', prompt: 'text' }, 'an option of loadDetoxifier');
  const { precision, processes, device } = placeOf(choice);
  const { open, cacheFolder } = checkpointsIn(choice.home);
  const { folder, identity: found, ...model } = await open(name, precision);
  const generation = await resolveGeneration(
    { folder, architecture: found.architecture },
    choice.generation ?? {},
    undefined,
    () => {},
  );
  const prompt = readTemplate(folder, choice.prompt, found.name);
  const options = { ...model, folder, precision, device, cacheFolder, role: 'detoxifier', generation, prompt } as const;
  const { identity, maxInputTokens, call, close } = await openModelPool<Rewrite>(
    options,
    processes,
    choice.log ?? SILENT,
  );
  return {
    ...{ identity, maxInputTokens, close, [Symbol.asyncDispose]: close },
    async rewrite(texts) {
      requireTexts(texts);
      return call(texts);
    },
  };
}

export interface PolicyChoice extends EngineChoice {
  /** Alias, hub id or folder of the model that scores. Default `nano-roberta`. */
  readonly scorer?: string | undefined;
  /** Alias, hub id or folder of the model that rewrites. Default `nano-bart`. */
  readonly detoxifier?: string | undefined;
  /** Texts are toxic from this score on, 0 to 1. Default 0.5. */
  readonly threshold?: number | undefined;
  readonly toxicLabel?: string | undefined;
  /** Rewrites of a sentence to choose the best from, 1 to 64. Default 1. */
  readonly candidates?: number | undefined;
  /** Generation options under their Hugging Face names. Default: the checkpoint's own, with `max_new_tokens` 64. */
  readonly generation?: GenerationOverrides | undefined;
  readonly prompt?: string | undefined;
}

/** What became of a text: as a run stores it. */
export type CleanedText = Omit<RowResult, 'rowNo' | 'rowKey' | 'cleared'>;

export interface OpenPolicy extends AsyncDisposable {
  /**
   * Scores each text, rewrites the toxic ones, scores the rewrites and chooses: the outcomes of a run, one per text, in order.
   *
   * @throws TypeError for what is not a string, DetoxqError where a text cannot be processed, with its index
   */
  clean(texts: readonly string[]): Promise<CleanedText[]>;
  close(): Promise<void>;
}

/**
 * The whole policy of a row (docs/policy.md) over texts of the caller, in engine processes, without any service.
 *
 * @throws UsageError, CheckpointError
 * @example
 * await using policy = await createPolicy({ threshold: 0.6 });
 * for (const { outcome, detoxified } of await policy.clean(['Fix your stupid code.'])) console.log(outcome, detoxified);
 */
export async function createPolicy(choice: PolicyChoice = {}): Promise<OpenPolicy> {
  requireFields(choice, POLICY_FIELDS, 'an option of createPolicy');
  const { precision, processes, device } = placeOf(choice);
  if (precision === 'int8-static') throw new UsageError('int8-static is measured on rows of a run: take int8');
  const { threshold = RUN_DEFAULTS.threshold, candidates = RUN_DEFAULTS.candidates, log = SILENT } = choice;
  if (!(threshold >= 0 && threshold <= 1)) throw new UsageError(`threshold must be a number from 0 to 1`);
  const checkpoints = checkpointsIn(choice.home);
  const models: RunModels = {
    scorer: await checkpoints.open(choice.scorer ?? RUN_DEFAULTS.scorer, precision),
    detoxifier: await checkpoints.open(choice.detoxifier ?? RUN_DEFAULTS.detoxifier, precision),
    prefilter: null,
  };
  const { folder, identity } = models.detoxifier;
  const given = withCandidates({ max_new_tokens: RUN_DEFAULTS.maxNewTokens, ...choice.generation }, candidates);
  const settings: RunSettings = {
    ...{ scorer: models.scorer.identity, detoxifier: identity, threshold, similarity: 'chrf' },
    ...toxicLabelsOf(models.scorer, null, choice.toxicLabel, () => {}),
    generation: await resolveGeneration({ folder, architecture: identity.architecture }, given, undefined, () => {}),
    prompt: readTemplate(folder, choice.prompt, identity.name),
  };
  const open = engineOpener({ log, checkpoints }, { place: { processes, device }, find: among(models) });
  const engines = open(settings);
  await engines.ready.catch(async (error: unknown) => {
    await engines.close();
    throw error;
  });
  const close = (): Promise<void> => engines.close();
  return {
    ...{ close, [Symbol.asyncDispose]: close },
    async clean(texts) {
      requireTexts(texts);
      const rows = texts.map((text, rowNo) => ({ rowNo, rowKey: null, text, meta: null }));
      const verdicts = await engines.process(rows);
      return verdicts.map((verdict) => {
        if ('fault' in verdict) throw new DetoxqError(`text ${verdict.rowNo}: ${verdict.fault.message}`);
        const { rowNo, rowKey, cleared, ...result } = verdict;
        return result;
      });
    },
  };
}
