/** The door of this room: what an engine process and the commands that need no queue use of it. */
export type { ToxicLabel } from './architectures/classifier.ts';
export { type BadWords, badWordIds } from './bad-words.ts';
export { type CheckpointReference, identifyCheckpoint } from './checkpoint/identity.ts';
export { type Classification, type ClassifierOptions, type LoadedClassifier, loadClassifier } from './classifier.ts';
export { type DetoxifierOptions, type LoadedDetoxifier, loadDetoxifier } from './detoxifier.ts';
export { describeDevice } from './device.ts';
export { type EncoderOptions, type LoadedEncoder, loadEncoder } from './encoder.ts';
export { checkGeneration } from './generator.ts';
export { PRINTED_BY } from './inspect/describe.ts';
export { type InspectRequest, inspectCheckpoint, publishedConfig } from './inspect/inspect.ts';
export { SYSTEMS } from './inspect/systems.ts';
export { countTokens, surfaceVocabulary } from './inspect/vocabulary.ts';
export {
  isLanguageModel,
  type LanguageModelOptions,
  type LoadedLanguageModel,
  loadLanguageModel,
} from './language-model.ts';
export { measureScales } from './measure-scales.ts';
export { type Prepared, prepareCheckpoint } from './prepare.ts';
export { readTemplate, TEXT_ALONE } from './prompt.ts';
export { type LoadedScorer, loadScorer, type ScorerOptions, toxicLabelOf } from './scorer.ts';
export { type CheckpointSizes, sizesOfCheckpoint } from './tune/model.ts';
export { type Tuned, type TuneRequest, tuneCheckpoint } from './tune/tune.ts';
export { hasTunings } from './tuning.ts';
