import type { Device } from './device.ts';
import type { GenerationOverrides } from './generation.ts';
import type { LocalCheckpoint, ModelIdentity, ModelScales, Precision } from './models.ts';

/** A checkpoint that scores, and its labels that mean toxic; one, for now. Without: see `findToxicLabel`. */
interface LocalScorer extends LocalCheckpoint {
  readonly toxicLabels?: readonly string[] | undefined;
}

/** What an engine process is told once, when it starts. */
export interface EngineOptions {
  readonly scorer: LocalScorer;
  readonly detoxifier: LocalCheckpoint;
  readonly prefilter?: (LocalScorer & { readonly clearBelow: number }) | undefined;
  readonly precision: Precision;
  /** For `int8-static`, which needs them. */
  readonly scales?: ModelScales | undefined;
  /** Default: the CPU. */
  readonly device?: Device;
  /** A row is toxic from this probability on, 0 to 1. */
  readonly threshold: number;
  readonly generation: GenerationOverrides;
  /** Template in which texts are put to the detoxifier. */
  readonly prompt: string;
  /** Where compiled graphs are kept. */
  readonly cacheFolder: string;
}

/** The models that an engine process loaded. */
export interface EngineIdentities {
  readonly scorer: ModelIdentity;
  readonly detoxifier: ModelIdentity;
  readonly prefilter?: ModelIdentity | undefined;
}

/** Time spent by an engine process, in milliseconds, since its last report. */
export interface EngineTimings {
  readonly scoreMs: number;
  readonly rewriteMs: number;
  readonly textMs: number;
}
