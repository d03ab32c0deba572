/**
 * The engine alone: models that score and rewrite texts in processes of their own, without Postgres, Redis or a run.
 *
 * @module
 */
export {
  type CleanedText,
  createPolicy,
  type DetoxifierChoice,
  type EngineChoice,
  loadDetoxifier,
  loadScorer,
  type OpenDetoxifier,
  type OpenPolicy,
  type OpenScorer,
  type PolicyChoice,
  type ScorerChoice,
} from './app/engine-alone.ts';
export type { Device } from './contract/device.ts';
export { CheckpointError, DetoxqError, DeviceError, UsageError } from './contract/errors.ts';
export type { GenerationOverrides } from './contract/generation.ts';
export type { Log } from './contract/log.ts';
export type { ModelIdentity, Precision, Rewrite, RewriteCandidate } from './contract/models.ts';
export { OUTCOMES, type Outcome } from './contract/outcome.ts';
export type { TextScore } from './engine/index.ts';
