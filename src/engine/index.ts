/** The door of this room: what an engine process and the commands that need no queue use of it. */
export type { ToxicLabel } from './architectures/classifier.ts';
export { PRINTED_BY } from './architectures/description.ts';
export { ALIASES, findAlias, hubNameOf, SYSTEMS } from './catalog/aliases.ts';
export {
  BUNDLED,
  bundledFolder,
  bundledFolders,
  bundledNames,
  findCheckpoint,
  modelsFolder,
  requireInstalled,
} from './catalog/catalog.ts';
export {
  checkpointFolder,
  DEFAULT_REVISION,
  findPulled,
  type HubName,
  isHubId,
  listPulled,
  type PulledCheckpoint,
  parseHubName,
  presentId,
  refFile,
  repositoryFolder,
} from './catalog/pulled.ts';
export { readFields } from './checkpoint/config/fields.ts';
export { isModuleFile } from './checkpoint/config/module-files.ts';
export { type CheckpointReference, identifyCheckpoint, readArchitecture } from './checkpoint/identity.ts';
export { isCommit, PULL_RECORD } from './checkpoint/pull-record.ts';
export { isShardName, openWeights, WEIGHT_FORMS, weightFiles } from './checkpoint/weights/weights.ts';
export { type InspectRequest, inspectCheckpoint, publishedConfig } from './inspect/inspect.ts';
export { rolesOfCheckpoint } from './inspect/roles.ts';
export { countTokens, surfaceVocabulary } from './inspect/vocabulary.ts';
export { describeMachine } from './machine/device.ts';
export { hasTunings } from './machine/tuning.ts';
export { type BadWords, badWordIds } from './models/bad-words.ts';
export {
  type Classification,
  type ClassifierOptions,
  type LoadedClassifier,
  loadClassifier,
} from './models/classifier.ts';
export { type DetoxifierOptions, type LoadedDetoxifier, loadDetoxifier } from './models/detoxifier.ts';
export { type EncoderOptions, type LoadedEncoder, loadEncoder } from './models/encoder.ts';
export { checkGeneration } from './models/generator.ts';
export {
  isLanguageModel,
  type LanguageModelOptions,
  type LoadedLanguageModel,
  loadLanguageModel,
} from './models/language-model.ts';
export { type Prepared, prepareCheckpoint } from './models/prepare.ts';
export { findTemplate, readTemplate, TEXT_ALONE } from './models/prompt.ts';
export { type LoadedScorer, loadScorer, type ScorerOptions, toxicLabelOf } from './models/scorer.ts';
export { toGroupRows } from './process/columns.ts';
export { measureScales } from './process/measure-scales.ts';
export {
  type FromModel,
  MODEL_ENTRY,
  type ModelOptions,
  type TextScore,
  type ToModel,
} from './process/model-protocol.ts';
export type {
  FromEngine,
  GroupVerdicts,
  ToEngine,
} from './process/protocol.ts';
export { ENGINE_ENTRY } from './process/protocol.ts';
export { type CheckpointSizes, sizesOfCheckpoint } from './tune/model.ts';
export { type Tuned, type TuneRequest, tuneCheckpoint } from './tune/tune.ts';
